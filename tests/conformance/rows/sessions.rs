//! Parts of session replays, in one request with logs.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use serde_json::json;
use tests::clickhouse::{ClickHouse, Options};

use super::{any, gateway, int, post, resource, same_rows, scope, text};

/// A part of a session that the transform of logs would change, and a log.
fn records() -> Vec<LogRecord> {
    let session = LogRecord {
        time_unix_nano: 1_790_000_000_123_456_789,
        severity_text: "Warn".into(),
        body: any(Value::StringValue(r#"{"level":"error"}"#.into())),
        attributes: vec![int("rr-web.event", 2), text("b", "1"), text("a", "2")],
        event_name: "not stored".into(),
        ..Default::default()
    };
    let log = LogRecord { attributes: vec![text("rr-web.chunk", "1")], ..session.clone() };
    vec![session, log]
}

#[tokio::test]
async fn a_part_of_a_session_is_stored_as_it_is_and_the_log_beside_it_as_a_log() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records: records(), schema_url: "https://scope".into() }];
    let group = ResourceLogs { resource: resource(), scope_logs, schema_url: "https://resource".into() };
    post(&gateway, "logs", &ExportLogsServiceRequest { resource_logs: vec![group] }).await;
    let sql = "SELECT * REPLACE (toUnixTimestamp64Nano(Timestamp) AS Timestamp, \
               toUnixTimestamp(TimestampTime) AS TimestampTime) FROM otel.hyperdx_sessions";
    let session = json!({
        "Timestamp": 1_790_000_000_123_456_789_u64, "TimestampTime": 1_790_000_000, "TraceId": "", "SpanId": "",
        "TraceFlags": 0, "SeverityText": "Warn", "SeverityNumber": 0, "ServiceName": "shop",
        "Body": r#"{"level":"error"}"#, "ResourceSchemaUrl": "https://resource",
        "ResourceAttributes": {"k8s.pod.name": "shop-0", "rum.sessionId": "s-1", "service.name": "shop"},
        "ScopeSchemaUrl": "https://scope", "ScopeName": "lib", "ScopeVersion": "1.2",
        "ScopeAttributes": {"scope.key": "s"}, "LogAttributes": {"a": "2", "b": "1", "rr-web.event": "2"},
    });
    same_rows(&engine, sql, vec![session]).await;
    let logs = "SELECT SeverityText, SeverityNumber, LogAttributes, EventName FROM otel.otel_logs";
    let log = json!({
        "SeverityText": "warn", "SeverityNumber": 0, "LogAttributes": {"level": "error", "rr-web.chunk": "1"},
        "EventName": "not stored",
    });
    same_rows(&engine, logs, vec![log]).await;
}
