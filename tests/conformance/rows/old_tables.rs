//! Tables that earlier versions made, and that are there when the collector starts: it writes what they can hold.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::Sum;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use serde_json::json;
use tests::clickhouse::{ClickHouse, Options};

use super::metrics::{TIME, metric, numbers, request};
use super::{gateway, post, resource, same_rows, text};

/// With a column for whole seconds and none for the name of an event.
const LOGS: &str = "
    CREATE TABLE otel.otel_logs (
        Timestamp DateTime64(9), TimestampTime DateTime DEFAULT toDateTime(Timestamp), TraceId String, SpanId String,
        TraceFlags UInt8, SeverityText LowCardinality(String), SeverityNumber UInt8,
        ServiceName LowCardinality(String), Body String, ResourceSchemaUrl LowCardinality(String),
        ResourceAttributes Map(LowCardinality(String), String), ScopeSchemaUrl LowCardinality(String),
        ScopeName String, ScopeVersion LowCardinality(String), ScopeAttributes Map(LowCardinality(String), String),
        LogAttributes Map(LowCardinality(String), String)
    ) ENGINE = MergeTree PARTITION BY toDate(TimestampTime) ORDER BY (ServiceName, TimestampTime, Timestamp)";

/// With times to the nanosecond and plain strings as names.
const SUMS: &str = "
    CREATE TABLE otel.otel_metrics_sum (
        ResourceAttributes Map(LowCardinality(String), String), ResourceSchemaUrl String, ScopeName String,
        ScopeVersion String, ScopeAttributes Map(LowCardinality(String), String), ScopeDroppedAttrCount UInt32,
        ScopeSchemaUrl String, ServiceName LowCardinality(String), MetricName String, MetricDescription String,
        MetricUnit String, Attributes Map(LowCardinality(String), String), StartTimeUnix DateTime64(9),
        TimeUnix DateTime64(9), Value Float64, Flags UInt32,
        Exemplars Nested (
            FilteredAttributes Map(LowCardinality(String), String), TimeUnix DateTime64(9), Value Float64,
            SpanId String, TraceId String
        ),
        AggregationTemporality Int32, IsMonotonic Boolean
    ) ENGINE = MergeTree PARTITION BY toDate(TimeUnix)
    ORDER BY (ServiceName, MetricName, Attributes, toUnixTimestamp64Nano(TimeUnix))";

async fn old_server() -> ClickHouse {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    for sql in ["CREATE DATABASE otel", LOGS, SUMS] {
        engine.query(sql).await.unwrap();
    }
    engine
}

#[tokio::test]
async fn logs_are_stored_in_a_table_without_event_names() {
    let engine = old_server().await;
    let gateway = gateway(&engine).await;
    let record = LogRecord {
        time_unix_nano: TIME,
        severity_number: 9,
        attributes: vec![text("k", "v")],
        event_name: "no room".into(),
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..Default::default() }];
    let group = ResourceLogs { resource: resource(), scope_logs, ..Default::default() };
    post(&gateway, "logs", &ExportLogsServiceRequest { resource_logs: vec![group] }).await;
    let sql = "SELECT * REPLACE (toUnixTimestamp64Nano(Timestamp) AS Timestamp, \
               toUnixTimestamp(TimestampTime) AS TimestampTime) FROM otel.otel_logs";
    let row = json!({
        "Timestamp": TIME, "TimestampTime": TIME / 1_000_000_000, "TraceId": "", "SpanId": "", "TraceFlags": 0,
        "SeverityText": "", "SeverityNumber": 9, "ServiceName": "shop", "Body": "", "ResourceSchemaUrl": "",
        "ResourceAttributes": {"k8s.pod.name": "shop-0", "rum.sessionId": "s-1", "service.name": "shop"},
        "ScopeSchemaUrl": "", "ScopeName": "", "ScopeVersion": "", "ScopeAttributes": {}, "LogAttributes": {"k": "v"},
    });
    same_rows(&engine, sql, vec![row]).await;
}

#[tokio::test]
async fn points_keep_their_nanoseconds_where_a_table_has_room_for_them() {
    let engine = old_server().await;
    let gateway = gateway(&engine).await;
    let sum = Sum { data_points: numbers(), aggregation_temporality: 1, is_monotonic: true };
    post(&gateway, "metrics", &request(vec![metric("requests", Some(Data::Sum(sum)))])).await;
    let sql = "SELECT MetricName, toUnixTimestamp64Nano(StartTimeUnix) AS start, toUnixTimestamp64Nano(TimeUnix) AS time, \
               arrayMap(time -> toUnixTimestamp64Nano(time), `Exemplars.TimeUnix`) AS exemplars, Value, IsMonotonic, \
               AggregationTemporality, Attributes FROM otel.otel_metrics_sum ORDER BY Flags DESC";
    let row = |start: u64, exemplars: &[u64], value: f64, attributes| {
        json!({
            "MetricName": "requests", "start": start, "time": TIME, "exemplars": exemplars, "Value": value,
            "IsMonotonic": true, "AggregationTemporality": 1, "Attributes": attributes,
        })
    };
    let full = row(TIME - 60_000_000_000, &[TIME - 5_000_000_000, 0], 42.0, json!({"a": "2", "z": "1"}));
    same_rows(&engine, sql, vec![full, row(0, &[], -0.5, json!({}))]).await;
}
