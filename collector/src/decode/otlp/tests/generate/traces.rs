//! Requests with spans, their events and links.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::{collection::vec, option, prelude::*};

use super::{attributes, id, resource, scope, text, time, url};

pub fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (scope(), vec(span(), 0..4), url()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let group = (resource(), vec(scope_spans, 0..3), url())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(group, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), id(8));
    let status = option::of((text(), code(3)).prop_map(|(message, code)| Status { message, code }));
    let named = (text(), text(), code(6), attributes());
    (ids, named, time(), time(), vec(event(), 0..3), vec(link(), 0..3), status, any::<u32>()).prop_map(
        |(ids, named, start, end, events, links, status, number)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: named.0,
            name: named.1,
            kind: named.2,
            attributes: named.3,
            flags: number,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            dropped_attributes_count: number,
            events,
            dropped_events_count: number,
            links,
            dropped_links_count: number,
            status,
        },
    )
}

/// One of the known codes, or one from another time.
fn code(known: i32) -> impl Strategy<Value = i32> {
    prop_oneof![4 => 0..known, 1 => any::<i32>()]
}

fn event() -> impl Strategy<Value = Event> {
    (time(), text(), attributes(), any::<u32>()).prop_map(|(time_unix_nano, name, attributes, dropped)| Event {
        time_unix_nano,
        name,
        attributes,
        dropped_attributes_count: dropped,
    })
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), text(), attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, number)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: number,
            flags: number,
        },
    )
}
