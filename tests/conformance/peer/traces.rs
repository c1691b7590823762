//! Spans of every kind the columns tell apart.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::Request;
use super::values::{
    attributes, duplicates, full_scope, now, pair, resources, scope, shop, text, texts_not_utf8, value, without_utf8,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;

type Named = (String, Span);

pub fn request() -> Request {
    let one = |(name, span): Named| ScopeSpans { scope: scope(&name), spans: vec![span], ..Default::default() };
    let scope_spans = spans().into_iter().map(one).collect();
    let mut resource_spans = vec![ResourceSpans { resource: shop(), scope_spans, ..Default::default() }];
    for (name, resource) in resources() {
        let scope_spans = vec![ScopeSpans { scope: scope(name), spans: vec![span()], ..Default::default() }];
        resource_spans.push(ResourceSpans { resource, scope_spans, ..Default::default() });
    }
    let full = ScopeSpans { scope: full_scope("full"), spans: vec![span()], schema_url: "https://scope".into() };
    let bare = ScopeSpans { scope: None, spans: vec![span()], ..Default::default() };
    let schema_url = "https://resource".into();
    resource_spans.push(ResourceSpans { resource: shop(), scope_spans: vec![full, bare], schema_url });
    let rows = resource_spans.iter().flat_map(|r| &r.scope_spans).map(|scope| scope.spans.len()).sum();
    let body = without_utf8(ExportTraceServiceRequest { resource_spans }.encode_to_vec()).into();
    Request { path: "/v1/traces", body, rows: vec![("otel_traces", rows)] }
}

fn span() -> Span {
    Span { start_time_unix_nano: now(), end_time_unix_nano: now() + 1_500, ..Default::default() }
}

fn with(name: &str, change: impl FnOnce(&mut Span)) -> Named {
    let mut span = Span { name: "GET /".into(), ..span() };
    change(&mut span);
    (name.to_owned(), span)
}

fn spans() -> Vec<Named> {
    let mut all = vec![
        with("ids", |span| {
            span.trace_id = (0..16).collect();
            span.span_id = vec![0xab; 8];
            span.parent_span_id = vec![1; 8];
            span.trace_state = "a=b,c=d".into();
            span.flags = 0x301;
        }),
        with("ids of zeros", |span| {
            (span.trace_id, span.span_id, span.parent_span_id) = (vec![0; 16], vec![0; 8], vec![0; 8]);
        }),
        with("no name", |span| span.name = String::new()),
        with("ends before it starts", |span| span.end_time_unix_nano = span.start_time_unix_nano - 7),
        with("no end", |span| span.end_time_unix_nano = 0),
        with("no times", |span| (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0)),
        with("attributes of every kind", |span| span.attributes = attributes()),
        with("attributes twice", |span| span.attributes = duplicates()),
        with("dropped counts", |span| {
            (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) = (1, 2, 3);
        }),
        with("a sampled span", |span| span.attributes = vec![text("SampleRate", "16")]),
        with("a number for a sample rate", |span| {
            span.attributes = vec![pair("SampleRate", value(Value::IntValue(8)))];
        }),
        with("events", |span| span.events = events()),
        with("links", |span| span.links = links()),
        with("status without a code", |span| span.status = Some(status(0, "why"))),
    ];
    for (place, wrong) in texts_not_utf8() {
        all.push(with(&format!("not UTF-8 {place}"), |span| {
            (span.name, span.trace_state) = (wrong.clone(), wrong.clone());
            span.attributes = vec![text("a", &wrong), text(&wrong, "b")];
            span.status = Some(status(2, &wrong));
            span.events =
                vec![Event { name: wrong.clone(), attributes: vec![text("a", &wrong)], ..Default::default() }];
        }));
    }
    for kind in [0, 1, 2, 3, 4, 5, 6, -1] {
        all.push(with(&format!("kind {kind}"), |span| span.kind = kind));
    }
    for code in [0, 1, 2, 3] {
        all.push(with(&format!("status {code}"), |span| span.status = Some(status(code, "message"))));
    }
    all
}

fn status(code: i32, message: &str) -> Status {
    Status { code, message: message.into() }
}

fn events() -> Vec<Event> {
    vec![
        Event { time_unix_nano: now() + 5, name: "exception".into(), attributes: attributes(), ..Default::default() },
        Event { attributes: duplicates(), dropped_attributes_count: 2, ..Default::default() },
        Event { time_unix_nano: now() + 6, name: "bare".into(), ..Default::default() },
    ]
}

fn links() -> Vec<Link> {
    vec![
        Link {
            trace_id: (1..17).collect(),
            span_id: vec![9; 8],
            trace_state: "x=y".into(),
            attributes: attributes(),
            flags: 1,
            ..Default::default()
        },
        Link { attributes: duplicates(), ..Default::default() },
        Link { trace_id: vec![0; 16], span_id: vec![0; 8], ..Default::default() },
    ]
}
