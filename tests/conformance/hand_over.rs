//! Gateways that end while ClickHouse is away: what they have answered goes to one that stays.

use std::path::Path;
use std::time::Duration;

use crds::config::{CollectorConfig, Forward};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

/// A spool, and where it is emptied into at the end.
fn spool(directory: &Path, siblings: &str) -> impl FnOnce(&mut CollectorConfig) {
    let section = serde_json::json!({"directory": directory, "size": "64Mi"});
    let mut spool: crds::config::Spool = serde_json::from_value(section).unwrap();
    spool.siblings = Some(Forward::to(siblings.to_owned()));
    move |config| {
        config.spool = Some(spool);
        config.limits.request_bytes = Some("4Mi".parse().unwrap());
        config.shutdown.timeout = "20s".parse().unwrap();
        // More blocks than a table may have in hand: some have to wait elsewhere.
        config.blocks.max_rows = 100;
    }
}

async fn send(gateway: &Collector, rows: &Rows, numbers: std::ops::Range<u64>, ledger: &mut Ledger) {
    let sender = OtlpHttp::new(&gateway.http());
    for first in numbers.step_by(100) {
        let answer = sender.send(&rows.request(first..first + 100)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first..first + 100, &answer);
    }
}

pub async fn stored(engine: &ClickHouse, rows: u64) {
    eventually("the rows are stored", Duration::from_secs(60), async || {
        let count = engine.query("SELECT count() FROM otel.otel_logs").await.unwrap_or_default();
        if count == rows.to_string() { Ok(()) } else { Err(format!("{count} of {rows}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_gateway_that_ends_in_an_outage_leaves_every_row_to_its_sibling_and_each_is_stored_once() {
    let (mut engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let nobody = "http://127.0.0.1:1";
    let stays = Collector::gateway(&engine, spool(&folder.path().join("stays"), nobody)).await.unwrap();
    let goes = folder.path().join("goes");
    let ends = Collector::gateway(&engine, spool(&goes, &stays.grpc())).await.unwrap();
    let (rows, mut ledger) = (Rows::new("handed", 1), Ledger::new("handed", Mode::ExactlyOnce));
    send(&ends, &rows, 0..500, &mut ledger).await;
    stored(&engine, 500).await;
    // What is on its way when it stops answering may yet arrive: nobody knows.
    engine.pause().unwrap();
    send(&ends, &rows, 500..2_000, &mut ledger).await;
    assert!(ends.stop().await.unwrap().success());
    // As when an emptyDir goes with its pod.
    std::fs::remove_dir_all(&goes).unwrap();
    assert!(stays.metric("clickstack_collector_siblings_taken_blocks_total").await.unwrap() >= 1.0);
    engine.resume().unwrap();
    stored(&engine, 2_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    eventually("the shelf is empty", Duration::from_secs(10), async || {
        let held = stays.metric("clickstack_collector_siblings_held_bytes").await.unwrap_or(f64::NAN);
        if held == 0.0 { Ok(()) } else { Err(held.to_string()) }
    })
    .await
    .unwrap();
    assert!(stays.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_sibling_that_is_killed_still_has_what_it_took() {
    let (mut engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let nobody = "http://127.0.0.1:1";
    let mut stays = Collector::gateway(&engine, spool(&folder.path().join("stays"), nobody)).await.unwrap();
    let ends = Collector::gateway(&engine, spool(&folder.path().join("goes"), &stays.grpc())).await.unwrap();
    let (rows, mut ledger) = (Rows::new("twice", 1), Ledger::new("twice", Mode::ExactlyOnce));
    engine.kill().unwrap();
    send(&ends, &rows, 0..1_000, &mut ledger).await;
    assert!(ends.stop().await.unwrap().success());
    stays.process().kill().unwrap();
    engine.start_again().await.unwrap();
    stays.start_again().await.unwrap();
    stored(&engine, 1_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert!(stays.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_block_that_clickhouse_may_refuse_is_not_left_to_a_sibling_that_could_not_divide_it() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let nobody = "http://127.0.0.1:1";
    let stays = Collector::gateway(&engine, spool(&folder.path().join("stays"), nobody)).await.unwrap();
    let goes = folder.path().join("goes");
    let ends = Collector::gateway(&engine, spool(&goes, &stays.grpc())).await.unwrap();
    let poison = "ALTER TABLE otel.otel_logs ADD CONSTRAINT no_poison CHECK NOT startsWith(Body, 'order 137 took ')";
    engine.query(poison).await.unwrap();
    let (rows, mut ledger) = (Rows::new("poison", 1), Ledger::new("poison", Mode::ExactlyOnce));
    send(&ends, &rows, 0..300, &mut ledger).await;
    // The row is in doubt for `retryFor`, which is longer than a quarter of the time to stop.
    assert!(ends.stop().await.unwrap().success());
    stored(&engine, 299).await;
    assert_eq!(stays.metric("clickstack_collector_siblings_taken_blocks_total").await.unwrap(), 0.0);
    assert_eq!(std::fs::read_dir(goes.join("dead")).unwrap().count(), 1, "the row is a letter, alone");
    assert!(stays.stop().await.unwrap().success());
}
