//! Spans of a web shop: eight attributes; one in four has an event, one in ten a link, one in eight failed.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;

use super::shared::{METHODS, ROUTES, STATUSES, groups, int, resource, scope, text};
use super::{Dice, ROW_NANOS};

pub fn message(dice: &mut Dice, nanos: u64, records: usize) -> Vec<u8> {
    let mut nanos = nanos;
    let shift = dice.below(20) as usize;
    let of_resource = |(group, count): (usize, usize)| {
        let trace_id = dice.trace_id();
        let spans = (0..count).map(|_| {
            nanos += ROW_NANOS;
            span(dice, nanos, &trace_id)
        });
        let scope_spans = ScopeSpans { spans: spans.collect(), scope: scope(group), ..Default::default() };
        let resource = resource((group + shift) % super::shared::RESOURCES);
        ResourceSpans { resource, scope_spans: vec![scope_spans], ..Default::default() }
    };
    let resource_spans = groups(records).map(of_resource).collect();
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn span(dice: &mut Dice, nanos: u64, trace_id: &[u8]) -> Span {
    let (method, route) = (dice.pick(&METHODS), dice.pick(&ROUTES));
    let duration = 20_000 + dice.below(80_000_000);
    let is_failed = dice.once_in(8);
    Span {
        // A trace of about fifty spans.
        trace_id: if dice.once_in(50) { dice.trace_id() } else { trace_id.to_vec() },
        span_id: dice.span_id(),
        parent_span_id: if dice.once_in(10) { Vec::new() } else { dice.span_id() },
        name: format!("{method} {route}"),
        kind: 1 + dice.below(5) as i32,
        start_time_unix_nano: nanos,
        end_time_unix_nano: nanos + duration,
        flags: 0x101,
        attributes: attributes(dice, method, route),
        events: if dice.once_in(4) { vec![event(dice, nanos + duration / 2)] } else { Vec::new() },
        links: if dice.once_in(10) { vec![link(dice)] } else { Vec::new() },
        status: Some(Status {
            code: if is_failed { 2 } else { 0 },
            message: if is_failed { "upstream did not answer in time".into() } else { String::new() },
        }),
        ..Default::default()
    }
}

fn attributes(dice: &mut Dice, method: &str, route: &str) -> Vec<KeyValue> {
    vec![
        text("http.request.method", method),
        text("http.route", route),
        text("url.path", route.replace("{id}", &dice.below(100_000).to_string())),
        text("url.scheme", "https"),
        text("server.address", "shop.example.com"),
        int("http.response.status_code", dice.pick(&STATUSES)),
        text("client.address", format!("10.{}.{}.{}", dice.below(4), dice.below(256), dice.below(256))),
        int("http.request.body.size", dice.below(40_000) as i64),
    ]
}

fn event(dice: &mut Dice, nanos: u64) -> Event {
    Event {
        time_unix_nano: nanos,
        name: "exception".into(),
        attributes: vec![
            text("exception.type", "io.shop.StoreTimeout"),
            text("exception.message", format!("no answer after {} ms", dice.below(5_000))),
            int("retry.attempt", dice.below(4) as i64),
        ],
        ..Default::default()
    }
}

fn link(dice: &mut Dice) -> Link {
    Link {
        trace_id: dice.trace_id(),
        span_id: dice.span_id(),
        attributes: vec![text("messaging.operation.name", "receive")],
        ..Default::default()
    }
}
