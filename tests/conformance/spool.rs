//! A gateway with a spool: what is answered is stored once, whatever ends, and what can never be stored is kept.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::clickhouse::{ClickHouse, Options};
use tests::collector::{self, Collector};
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

fn spool(directory: &Path, size: &str) -> impl FnOnce(&mut crds::config::CollectorConfig) {
    let section = serde_json::json!({"directory": directory, "size": size});
    let spool = serde_json::from_value(section).unwrap();
    move |config| {
        config.spool = Some(spool);
        config.limits.request_bytes = Some("4Mi".parse().unwrap());
        if let Some(clickhouse) = &mut config.clickhouse {
            clickhouse.retry_for = "500ms".parse().unwrap();
        }
    }
}

async fn send(sender: &OtlpHttp, rows: &Rows, numbers: std::ops::Range<u64>, ledger: &mut Ledger) {
    let answer = sender.send(&rows.request(numbers.clone())).await;
    assert!(answer.is_accepted(), "{answer:?}");
    ledger.enter(numbers, &answer);
}

async fn stored(engine: &ClickHouse, table: &str, rows: u64) {
    eventually("the rows are stored", Duration::from_secs(60), async || {
        let count = engine.query(&format!("SELECT count() FROM otel.{table}")).await.unwrap_or_default();
        if count == rows.to_string() { Ok(()) } else { Err(format!("{count} of {rows}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn answers_come_from_the_disk_while_clickhouse_is_down_and_every_row_is_stored_once() {
    let (mut engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    engine.kill().unwrap();
    let mut gateway = Collector::gateway_unready(&engine, spool(&folder.path().join("spool"), "64Mi")).await.unwrap();
    let (rows, sender) = (Rows::new("kept", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("kept", Mode::ExactlyOnce);
    for turn in 0..4 {
        for request in 0..5 {
            let first = (turn * 5 + request) * 100;
            send(&sender, &rows, first..first + 100, &mut ledger).await;
        }
        gateway.process().kill().unwrap();
        // The second life finds ClickHouse, the third is killed with rows in open blocks.
        if turn == 1 {
            engine.start_again().await.unwrap();
        }
        gateway.start_again().await.unwrap();
    }
    stored(&engine, "otel_logs", 2_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert!(gateway.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_record_that_clickhouse_refuses_becomes_a_dead_letter_and_all_others_are_stored() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let directory = folder.path().join("spool");
    let gateway = Collector::gateway(&engine, spool(&directory, "64Mi")).await.unwrap();
    let (rows, sender) = (Rows::new("poison", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("poison", Mode::ExactlyOnce);
    let poison = "order 137 took ";
    engine
        .query(&format!("ALTER TABLE otel.otel_logs ADD CONSTRAINT no_poison CHECK NOT startsWith(Body, '{poison}')"))
        .await
        .unwrap();
    for request in 0..3 {
        send(&sender, &rows, request * 100..request * 100 + 100, &mut ledger).await;
    }
    stored(&engine, "otel_logs", 299).await;
    eventually("the letter is counted", Duration::from_secs(30), async || {
        let letters = gateway.metric("clickstack_collector_spool_dead_letters_total").await.unwrap();
        if letters == 1.0 { Ok(()) } else { Err(format!("{letters} letters")) }
    })
    .await
    .unwrap();
    let listed = said(&["spool", "list", "--directory"], &directory);
    assert!(listed.contains("otel_logs") && listed.contains("code 469"), "{listed}");
    let exported = said(&["spool", "export", "--all", "--directory"], &directory);
    assert!(exported.contains(poison) && exported.matches("timeUnixNano").count() == 1, "{exported}");

    engine.query("ALTER TABLE otel.otel_logs DROP CONSTRAINT no_poison").await.unwrap();
    let endpoint = gateway.http();
    let replayed = said(&["spool", "replay", "--all", "--endpoint", &endpoint, "--directory"], &directory);
    assert!(replayed.contains("taken"), "{replayed}");
    stored(&engine, "otel_logs", 300).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}

fn said(arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(collector::binary().unwrap()).args(arguments).arg(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_view_that_fails_costs_no_row_of_the_table_and_stores_none_twice() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let gateway = Collector::gateway(&engine, spool(&folder.path().join("spool"), "64Mi")).await.unwrap();
    for sql in [
        "CREATE TABLE otel.numbers (n UInt64) ENGINE = MergeTree ORDER BY n",
        "CREATE MATERIALIZED VIEW otel.to_numbers TO otel.numbers AS SELECT toUInt64(Body) AS n FROM otel.otel_logs",
    ] {
        engine.query(sql).await.unwrap();
    }
    let (rows, sender) = (Rows::new("view", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("view", Mode::ExactlyOnce);
    send(&sender, &rows, 0..100, &mut ledger).await;
    eventually("the view is given up", Duration::from_secs(30), async || {
        let line = "clickstack_collector_view_failures_total{table=\"otel_logs\"}";
        let failures = gateway.metric(line).await.unwrap();
        if failures == 1.0 { Ok(()) } else { Err(format!("{failures} failures")) }
    })
    .await
    .unwrap();
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}

#[tokio::test]
async fn a_full_spool_turns_senders_away_and_takes_them_again_when_rows_are_stored() {
    let (mut engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let gateway = Collector::gateway(&engine, spool(&folder.path().join("spool"), "16Mi")).await.unwrap();
    let (rows, sender) = (Rows::new("full", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("full", Mode::ExactlyOnce);
    engine.kill().unwrap();
    let mut next = 0;
    let refused = loop {
        let numbers = next..next + 5_000;
        let answer = sender.send(&rows.request(numbers.clone())).await;
        if !answer.is_accepted() {
            break answer;
        }
        ledger.enter(numbers, &answer);
        next += 5_000;
        assert!(next < 1_000_000, "16 MiB never fill");
    };
    assert!(refused.is_retryable(), "{refused:?}");
    let used = gateway.metric("clickstack_collector_spool_used_bytes").await.unwrap();
    assert!(used <= f64::from(16 << 20), "{used} bytes");

    engine.start_again().await.unwrap();
    eventually("there is room again", Duration::from_secs(60), async || {
        let numbers = next..next + 5_000;
        let answer = sender.send(&rows.request(numbers.clone())).await;
        ledger.enter(numbers, &answer);
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
    stored(&engine, "otel_logs", next + 5_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}
