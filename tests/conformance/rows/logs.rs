//! Logs.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use serde_json::{Value as Json, json};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpGrpc, OtlpHttp, Rows};

use super::{any, gateway, merged, pair, text};

/// A record with a value of every kind, keys out of order, and a bare one.
fn records() -> Vec<LogRecord> {
    let nested = KeyValueList { values: vec![text("z", "<&>\u{2028}"), pair("a", any(Value::DoubleValue(0.5)))] };
    let list = ArrayValue { values: vec![any(Value::IntValue(1)).unwrap(), AnyValue { value: None }] };
    let full = LogRecord {
        time_unix_nano: 1_790_000_000_123_456_789,
        observed_time_unix_nano: 1,
        severity_number: 13,
        severity_text: "Warning".into(),
        body: any(Value::KvlistValue(nested.clone())),
        attributes: vec![
            text("text", "hé\"llo"),
            pair("array", any(Value::ArrayValue(list))),
            pair("bool", any(Value::BoolValue(true))),
            pair("bytes", any(Value::BytesValue(vec![0, 255, 16]))),
            pair("double", any(Value::DoubleValue(1e21))),
            pair("empty", None),
            pair("int", any(Value::IntValue(-42))),
            pair("map", any(Value::KvlistValue(nested))),
            pair("nan", any(Value::DoubleValue(f64::NAN))),
        ],
        flags: 0x0000_0101,
        trace_id: (0..16).collect(),
        span_id: vec![0xab; 8],
        event_name: "order.placed".into(),
        ..Default::default()
    };
    let bare =
        LogRecord { observed_time_unix_nano: 1_790_000_000_000_000_000, trace_id: vec![0; 16], ..Default::default() };
    vec![full, bare]
}

fn request() -> ExportLogsServiceRequest {
    let scope = InstrumentationScope {
        name: "lib".into(),
        version: "1.2".into(),
        attributes: vec![text("scope.key", "s")],
        ..Default::default()
    };
    let scope_logs = ScopeLogs { scope: Some(scope), log_records: records(), schema_url: "https://scope".into() };
    let resource = Resource {
        attributes: vec![text("service.name", "shop"), text("k8s.pod.name", "shop-0")],
        ..Default::default()
    };
    let logs =
        ResourceLogs { resource: Some(resource), scope_logs: vec![scope_logs], schema_url: "https://resource".into() };
    ExportLogsServiceRequest { resource_logs: vec![logs] }
}

fn expected() -> Vec<Json> {
    let shared = json!({
        "ServiceName": "shop",
        "ResourceSchemaUrl": "https://resource",
        "ResourceAttributes": {"k8s.pod.name": "shop-0", "service.name": "shop"},
        "ScopeSchemaUrl": "https://scope",
        "ScopeName": "lib",
        "ScopeVersion": "1.2",
        "ScopeAttributes": {"scope.key": "s"},
        "__hdx_materialized_k8s.pod.name": "shop-0",
    });
    let map = r#"{"a":0.5,"z":"<&>\u2028"}"#;
    let full = json!({
        "Timestamp": "1790000000.123456789", "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "abababababababab", "TraceFlags": 1, "SeverityText": "warning", "SeverityNumber": 13, "Body": map,
        "LogAttributes": {
            "a": "0.5", "array.0": "1", "array.1": "", "bool": "true", "bytes": "AP8Q", "double": "1e+21", "empty": "",
            "int": "-42", "map.a": "0.5", "map.z": "<&>\u{2028}", "nan": "NaN", "text": "hé\"llo", "z": "<&>\u{2028}",
        },
        "EventName": "order.placed",
    });
    let bare = json!({
        "Timestamp": "1790000000", "TraceId": "", "SpanId": "", "TraceFlags": 0, "SeverityText": "info",
        "SeverityNumber": 9, "Body": "", "LogAttributes": {}, "EventName": "",
    });
    [full, bare].into_iter().map(|row| merged(row, &shared)).collect()
}

#[tokio::test]
async fn every_field_of_a_record_is_stored_as_the_contract_says() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    assert!(OtlpHttp::new(&gateway.http()).send(&request()).await.is_accepted());
    let sql = "SELECT * REPLACE (toString(toDecimal64(Timestamp, 9)) AS Timestamp), `__hdx_materialized_k8s.pod.name` \
               FROM otel.otel_logs ORDER BY SeverityNumber DESC";
    let rows: Vec<Json> = engine.query_rows(sql).await.unwrap();
    for (stored, expected) in rows.iter().zip(expected()) {
        let strip =
            |row: &Json| row.as_object().unwrap().clone().into_iter().collect::<std::collections::BTreeMap<_, _>>();
        assert_eq!(strip(stored), strip(&expected));
    }
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn a_large_request_arrives_exactly_once_over_either_transport_and_through_an_agent() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    let agent = Collector::agent(&gateway.grpc()).await.unwrap();
    let rows = Rows::new("large", 1);
    let mut ledger = Ledger::new("large", Mode::ExactlyOnce);
    for (index, collector) in [&gateway, &agent].into_iter().enumerate() {
        let first = index as u64 * 40_000;
        let answer = OtlpHttp::new(&collector.http()).send(&rows.request(first..first + 20_000)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first..first + 20_000, &answer);
        let answer =
            OtlpGrpc::new(&collector.grpc()).unwrap().send(&rows.request(first + 20_000..first + 40_000)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first + 20_000..first + 40_000, &answer);
    }
    let account = ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert_eq!(account.stored, 80_000);
    let sent = gateway.metric("otelcol_exporter_sent_log_records_total{exporter=\"clickhouse\"}").await.unwrap();
    assert_eq!(sent as u64, 80_000);
}

#[tokio::test]
async fn more_keys_than_a_byte_can_count_are_stored() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    let attributes = |row: u32| (0..40).map(|key| text(&format!("key.{}", (row * 40 + key) % 1_000), "v")).collect();
    let log_records = (0..200)
        .map(|row| LogRecord {
            time_unix_nano: 1_790_000_000_000_000_000,
            attributes: attributes(row),
            ..Default::default()
        })
        .collect();
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let request = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..Default::default() }] };
    assert!(OtlpGrpc::new(&gateway.grpc()).unwrap().send(&request).await.is_accepted());
    let sql = "SELECT count(), uniqExact(arrayJoin(mapKeys(LogAttributes))) FROM otel.otel_logs";
    assert_eq!(engine.query(sql).await.unwrap(), "8000\t1000");
}
