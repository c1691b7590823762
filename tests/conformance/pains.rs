//! What users of the replaced collector complain of, where no other test shows what became of it. The list, with every
//! test, is in `collector/README.md`.

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric};
use prost::Message;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::http::Http;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

const TABLE: &str = "otel.otel_logs";
const DAY_NANOS: u64 = 86_400_000_000_000;

#[tokio::test]
async fn requests_of_one_row_from_many_senders_make_few_parts() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let (rows, sender) = (Rows::new("small", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("small", Mode::ExactlyOnce);
    for round in 0..30_u64 {
        let requests: Vec<_> = (round * 64..round * 64 + 64).map(|row| rows.request(row..row + 1)).collect();
        let answers = futures::future::join_all(requests.iter().map(|request| sender.send(request))).await;
        for (row, answer) in (round * 64..).zip(&answers) {
            ledger.enter(row..row + 1, answer);
        }
    }
    assert_eq!(ledger.check(&engine, TABLE).await.unwrap().stored, 1_920);
    // Numbers are given to parts in the order of inserts; merged parts keep the last one of theirs.
    let sql = "SELECT sum(parts) FROM (SELECT max(max_block_number) + 1 AS parts FROM system.parts \
               WHERE database = 'otel' AND table = 'otel_logs' GROUP BY partition)";
    let parts: u64 = engine.query(sql).await.unwrap().parse().unwrap();
    assert!(parts < 1_920 / 10, "{parts} inserts for 1920 requests");
}

#[tokio::test]
async fn rows_of_more_days_than_an_insert_may_have_partitions_are_stored() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let keep = |config: &mut crds::config::CollectorConfig| {
        config.clickhouse.as_mut().unwrap().retention.logs = "3650d".parse().unwrap();
    };
    let gateway = Collector::gateway(&engine, keep).await.unwrap();
    let (today, sender) = (Rows::new("late", 1), OtlpHttp::new(&gateway.http()));
    let requests: Vec<_> = (0..150_u64)
        .map(|day| {
            let start_unix_nanos = today.start_unix_nanos - day * DAY_NANOS;
            Rows { start_unix_nanos, ..today.clone() }.request(day * 10..day * 10 + 10)
        })
        .collect();
    let answers = futures::future::join_all(requests.iter().map(|request| sender.send(request))).await;
    let mut ledger = Ledger::new("late", Mode::ExactlyOnce);
    for (day, answer) in (0..).zip(&answers) {
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(day * 10..day * 10 + 10, answer);
    }
    assert_eq!(ledger.check(&engine, TABLE).await.unwrap().stored, 1_500);
}

fn point(time_unix_nano: u64, pairs: [(&str, &str); 3]) -> NumberDataPoint {
    let attributes = pairs.map(|(key, value)| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..Default::default()
    });
    NumberDataPoint { attributes: attributes.into(), time_unix_nano, ..Default::default() }
}

#[tokio::test]
async fn a_series_whose_keys_come_in_any_order_stays_one_series() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let (pod, path, code) = (("pod", "shop-0"), ("path", "/order"), ("code", "200"));
    let now = Rows::new("series", 1).start_unix_nanos;
    let orders = [[pod, path, code], [code, pod, path], [path, code, pod]];
    let data_points = orders.into_iter().map(|pairs| point(now, pairs)).collect();
    let data = Some(metric::Data::Gauge(Gauge { data_points }));
    let metrics = vec![Metric { name: "requests".into(), data, ..Default::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..Default::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..Default::default() }];
    let request = ExportMetricsServiceRequest { resource_metrics };
    let url = format!("{}/v1/metrics", gateway.http());
    let body = Bytes::from(request.encode_to_vec());
    let answer = Http::default().post(&url, &[("content-type", "application/x-protobuf")], body).await.unwrap();
    assert_eq!(answer.status, 200);
    let sql = "SELECT count(), uniqExact(cityHash64(Attributes)) FROM otel.otel_metrics_gauge";
    assert_eq!(engine.query(sql).await.unwrap(), "3\t1");
}

#[tokio::test]
async fn inserts_slower_than_their_timeout_lose_no_row_that_was_answered_ok() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |config| {
        let clickhouse = config.clickhouse.as_mut().unwrap();
        clickhouse.timeout = "1s".parse().unwrap();
        clickhouse.retry_for = "1s".parse().unwrap();
    })
    .await
    .unwrap();
    // Two seconds for four rows.
    engine
        .query(&format!("CREATE MATERIALIZED VIEW otel.slow ENGINE = Null AS SELECT sleepEachRow(0.5) FROM {TABLE}"))
        .await
        .unwrap();
    let (rows, sender) = (Rows::new("slow", 1), OtlpHttp::new(&gateway.http()));
    let mut ledger = Ledger::new("slow", Mode::AtLeastOnce);
    let mut is_slow = true;
    eventually("the rows are stored", Duration::from_secs(40), async || {
        let answer = sender.send(&rows.request(0..4)).await;
        ledger.enter(0..4, &answer);
        if is_slow {
            assert!(answer.is_retryable() || answer.is_accepted(), "{answer:?}");
            engine.query("DROP VIEW otel.slow SYNC").await.map_err(|error| error.to_string())?;
            is_slow = false;
        }
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
    assert_eq!(ledger.check(&engine, TABLE).await.unwrap().stored, 4);
}
