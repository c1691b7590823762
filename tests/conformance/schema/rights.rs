//! A user who may do less than everything, and a collector that is told to do less.

use std::time::Duration;

use tests::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse, Options, User};
use tests::collector::Collector;
use tests::http::Http;
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

async fn engine_with_writer(grants: &[&str]) -> ClickHouse {
    let users = vec![User::admin(ADMIN, ADMIN_PASSWORD), User::limited("writer", "w", grants)];
    ClickHouse::start(Options { users, ..Options::default() }).await.unwrap()
}

fn as_writer(config: &mut crds::config::CollectorConfig) {
    let clickhouse = config.clickhouse.as_ref().unwrap();
    std::fs::write(clickhouse.username_file.as_ref().unwrap(), "writer").unwrap();
    std::fs::write(clickhouse.password_file.as_ref().unwrap(), "w").unwrap();
}

fn hands_off(config: &mut crds::config::CollectorConfig) {
    config.clickhouse.as_mut().unwrap().schema.manage = false;
}

async fn readiness_says(gateway: &Collector, wanted: &str) {
    eventually("readiness says why not", Duration::from_secs(10), async || {
        let told = Http::default().get(&gateway.probe("/ready")).await.map_err(|error| format!("{error:#}"))?.text();
        if told.contains(wanted) { Ok(()) } else { Err(told) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_user_who_may_insert_and_select_is_enough_where_everything_is_there() {
    let engine = engine_with_writer(&["GRANT INSERT, SELECT ON otel.*"]).await;
    drop(Collector::gateway(&engine, |_| {}).await.unwrap());
    engine.query("ALTER TABLE otel.otel_logs MODIFY SETTING non_replicated_deduplication_window = 0").await.unwrap();
    let gateway = Collector::gateway(&engine, as_writer).await.unwrap();
    assert!(OtlpHttp::new(&gateway.http()).send(&Rows::new("insert", 1).request(0..10)).await.is_accepted());
    let counted = "SELECT sum(count) FROM otel.otel_logs_kv_rollup_15m WHERE Key = 'ServiceName'";
    assert_eq!(engine.query(counted).await.unwrap(), "10");
}

#[tokio::test]
async fn rollups_that_nobody_made_hold_nothing_up() {
    let engine = engine_with_writer(&["GRANT INSERT ON otel.*"]).await;
    drop(Collector::gateway(&engine, |_| {}).await.unwrap());
    for sql in ["DROP VIEW otel.otel_logs_attr_kv_rollup_15m_mv", "DROP TABLE otel.otel_logs_kv_rollup_15m"] {
        engine.query(sql).await.unwrap();
    }
    let gateway = Collector::gateway(&engine, as_writer).await.unwrap();
    assert!(OtlpHttp::new(&gateway.http()).send(&Rows::new("plain", 1).request(0..10)).await.is_accepted());
}

#[tokio::test]
async fn told_to_make_nothing_it_makes_nothing_and_waits_for_who_does() {
    let engine = engine_with_writer(&[]).await;
    let gateway = Collector::gateway_unready(&engine, hands_off).await.unwrap();
    readiness_says(&gateway, "clickhouse.schema.manage is false: otel_logs, hyperdx_sessions, otel_traces").await;
    assert_eq!(engine.query("EXISTS DATABASE otel").await.unwrap(), "0");

    drop(Collector::gateway(&engine, |_| {}).await.unwrap());
    gateway.ready().await.unwrap();
}

/// The engine has no cluster and no Keeper. That it complains of just that shows that it understood the statements.
#[tokio::test]
async fn a_cluster_or_a_keeper_the_server_does_not_have_is_told() {
    let engine = engine_with_writer(&[]).await;
    let on_cluster = |config: &mut crds::config::CollectorConfig| {
        config.clickhouse.as_mut().unwrap().schema.cluster = Some("elsewhere".to_owned());
    };
    let gateway = Collector::gateway_unready(&engine, on_cluster).await.unwrap();
    readiness_says(&gateway, "CLUSTER_DOESNT_EXIST").await;
    assert_eq!(engine.query("EXISTS DATABASE otel").await.unwrap(), "0");

    let replicated = |config: &mut crds::config::CollectorConfig| {
        config.clickhouse.as_mut().unwrap().schema.engine =
            "ReplicatedMergeTree('/tables/{database}/{table}', 'one')".to_owned();
    };
    let gateway = Collector::gateway_unready(&engine, replicated).await.unwrap();
    readiness_says(&gateway, "cannot create otel_logs: ClickHouse answers with code 225 (NO_ZOOKEEPER)").await;
}
