//! An agent with a spool: its answer outlives it, and the gateway's absence.

use std::path::Path;
use std::time::Duration;

use crds::config::CollectorConfig;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

fn spool(directory: &Path) -> impl FnOnce(&mut CollectorConfig) {
    let section = serde_json::json!({"directory": directory, "size": "64Mi"});
    let spool = serde_json::from_value(section).unwrap();
    move |config| {
        config.spool = Some(spool);
        config.limits.request_bytes = Some("4Mi".parse().unwrap());
    }
}

#[tokio::test]
async fn what_an_agent_has_answered_is_stored_once_though_it_is_killed_while_the_gateway_is_away() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let mut gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let mut agent = Collector::agent_with(&gateway.grpc(), spool(&folder.path().join("spool"))).await.unwrap();
    let (rows, mut ledger) = (Rows::new("agent", 1), Ledger::new("agent", Mode::ExactlyOnce));
    gateway.process().kill().unwrap();
    for life in 0..3 {
        let sender = OtlpHttp::new(&agent.http());
        for request in 0..5 {
            let first = (life * 5 + request) * 100;
            let answer = sender.send(&rows.request(first..first + 100)).await;
            assert!(answer.is_accepted(), "{answer:?}");
            ledger.enter(first..first + 100, &answer);
        }
        if life < 2 {
            agent.process().kill().unwrap();
            agent.start_again().await.unwrap();
        }
    }
    gateway.start_again().await.unwrap();
    eventually("the rows are stored", Duration::from_secs(60), async || {
        let count = engine.query("SELECT count() FROM otel.otel_logs").await.unwrap_or_default();
        if count == "1500" { Ok(()) } else { Err(count) }
    })
    .await
    .unwrap();
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    eventually("the spool is empty", Duration::from_secs(10), async || {
        let left = agent.metric("clickstack_collector_spool_waiting_deliveries").await.unwrap_or(f64::NAN);
        if left == 0.0 { Ok(()) } else { Err(left.to_string()) }
    })
    .await
    .unwrap();
    assert!(agent.stop().await.unwrap().success());
}
