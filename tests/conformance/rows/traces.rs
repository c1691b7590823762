//! Spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use serde_json::{Value as Json, json};
use tests::clickhouse::{ClickHouse, Options};

use super::{gateway, int, pair, post, resource, same_rows, scope, text};

const START: u64 = 1_790_000_000_123_456_789;

fn full() -> Span {
    let event = |name: &str, attributes| Event {
        time_unix_nano: START + 5,
        name: name.into(),
        attributes,
        ..Default::default()
    };
    let link = |id: u8, attributes| Link {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        trace_state: format!("link={id}"),
        attributes,
        ..Default::default()
    };
    Span {
        trace_id: (0..16).collect(),
        span_id: vec![0xab; 8],
        parent_span_id: vec![0xcd; 8],
        trace_state: "a=b".into(),
        flags: 0x101,
        name: "GET /cart".into(),
        kind: 2,
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_500_000_001,
        attributes: vec![text("z", "last"), int("SampleRate", 8), pair("a", None)],
        events: vec![event("exception", vec![int("n", 1), text("b", "")]), event("retry", vec![])],
        links: vec![link(0, vec![]), link(7, vec![text("k", "v")])],
        status: Some(Status { message: "broken pipe".into(), code: 2 }),
        ..Default::default()
    }
}

/// A span that says nothing, and one that ends before it starts.
fn bare() -> [Span; 2] {
    let odd = Span { start_time_unix_nano: START, end_time_unix_nano: START - 1, kind: 99, ..Default::default() };
    [Span { start_time_unix_nano: START - 1_000_000_000, ..Default::default() }, odd]
}

fn expected() -> Vec<Json> {
    let full = json!({
        "Timestamp": START, "TraceId": "000102030405060708090a0b0c0d0e0f", "SpanId": "abababababababab",
        "ParentSpanId": "cdcdcdcdcdcdcdcd", "TraceState": "a=b", "SpanName": "GET /cart", "SpanKind": "Server",
        "ServiceName": "shop",
        "ResourceAttributes": {"k8s.pod.name": "shop-0", "rum.sessionId": "s-1", "service.name": "shop"},
        "ScopeName": "lib", "ScopeVersion": "1.2", "SpanAttributes": {"SampleRate": "8", "a": "", "z": "last"},
        "Duration": 1_500_000_001, "StatusCode": "Error", "StatusMessage": "broken pipe",
        "Events.Timestamp": [START + 5, START + 5], "Events.Name": ["exception", "retry"],
        "Events.Attributes": [{"b": "", "n": "1"}, {}],
        "Links.TraceId": ["", "07070707070707070707070707070707"], "Links.SpanId": ["", "0707070707070707"],
        "Links.TraceState": ["link=0", "link=7"], "Links.Attributes": [{}, {"k": "v"}],
        "__hdx_materialized_rum.sessionId": "s-1", "SampleRate": 8,
    });
    let bare = |start: u64, kind: &str, duration: u64| {
        json!({
            "Timestamp": start, "TraceId": "", "SpanId": "", "ParentSpanId": "", "TraceState": "", "SpanName": "",
            "SpanKind": kind, "ServiceName": "", "ResourceAttributes": {}, "ScopeName": "", "ScopeVersion": "",
            "SpanAttributes": {}, "Duration": duration, "StatusCode": "Unset", "StatusMessage": "",
            "Events.Timestamp": [], "Events.Name": [], "Events.Attributes": [], "Links.TraceId": [],
            "Links.SpanId": [], "Links.TraceState": [], "Links.Attributes": [],
            "__hdx_materialized_rum.sessionId": "", "SampleRate": 1,
        })
    };
    let start = START - 1_000_000_000;
    vec![full, bare(start, "Unspecified", start.wrapping_neg()), bare(START, "", u64::MAX)]
}

#[tokio::test]
async fn every_field_of_a_span_is_stored_as_the_contract_says() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    let shared = ScopeSpans { scope: scope(), spans: vec![full()], schema_url: "https://scope".into() };
    let group =
        ResourceSpans { resource: resource(), scope_spans: vec![shared], schema_url: "https://resource".into() };
    let alone = ScopeSpans { spans: bare().to_vec(), ..Default::default() };
    let alone = ResourceSpans { scope_spans: vec![alone], ..Default::default() };
    post(&gateway, "traces", &ExportTraceServiceRequest { resource_spans: vec![group, alone] }).await;
    let sql = "SELECT * REPLACE (toUnixTimestamp64Nano(Timestamp) AS Timestamp, \
                 arrayMap(time -> toUnixTimestamp64Nano(time), `Events.Timestamp`) AS `Events.Timestamp`), \
               `__hdx_materialized_rum.sessionId`, SampleRate \
               FROM otel.otel_traces ORDER BY ServiceName DESC, SpanKind DESC";
    same_rows(&engine, sql, expected()).await;
}
