//! `otel_traces`: spans to rows.
//!
//! Comes in: spans, and what groups of them share when the group ends. Goes out: columns of the table. Field by field
//! this is the mapping of ClickStack's own collector; scope attributes, flags, schema URLs and dropped counts have no
//! column.

use super::{
    Columns,
    native::{Array, Column, Fixed, LowCardinality, Map, Strings},
    shared::{LOW_CARDINALITY, MAP, MAPS, ResourceColumns, STRING, STRINGS, TIME64, push_id},
};
use crate::{
    record::{Resource, Scope, Span},
    table::{Layout, Table},
};

#[derive(Debug, Default)]
pub struct SpanColumns {
    timestamp: Fixed,
    trace_id: Strings,
    span_id: Strings,
    parent_span_id: Strings,
    trace_state: Strings,
    name: LowCardinality,
    kind: LowCardinality,
    attributes: Map,
    duration: Fixed,
    status_code: LowCardinality,
    status_message: Strings,
    event_timestamps: Array<Fixed>,
    event_names: Array<LowCardinality>,
    event_attributes: Array<Map>,
    link_trace_ids: Array<Strings>,
    link_span_ids: Array<Strings>,
    link_trace_states: Array<Strings>,
    link_attributes: Array<Map>,
    scope_name: Strings,
    scope_version: Strings,
    resource: ResourceColumns,
}

impl SpanColumns {
    #[inline]
    pub fn push(&mut self, span: &Span<'_>) {
        self.timestamp.push(span.start.to_le_bytes());
        push_id::<16>(span.trace_id, &mut self.trace_id);
        push_id::<8>(span.span_id, &mut self.span_id);
        push_id::<8>(span.parent_span_id, &mut self.parent_span_id);
        self.trace_state.push(span.trace_state);
        self.name.push(span.name);
        self.kind.push(kind(span.kind));
        self.attributes.push(&span.attributes);
        // A span that ends before it starts wraps around, as in the collector this one replaces.
        self.duration.push(span.end.wrapping_sub(span.start).to_le_bytes());
        self.status_code.push(status_code(span.status_code));
        self.status_message.push(span.status_message);
        self.push_events(span);
        self.push_links(span);
    }

    fn push_events(&mut self, span: &Span<'_>) {
        for event in &span.events {
            self.event_timestamps.values().push(event.time.to_le_bytes());
            self.event_names.values().push(event.name);
            self.event_attributes.values().push(span.nested(&event.attributes));
        }
        let count = span.events.len();
        self.event_timestamps.end_row(count);
        self.event_names.end_row(count);
        self.event_attributes.end_row(count);
    }

    fn push_links(&mut self, span: &Span<'_>) {
        for link in &span.links {
            push_id::<16>(link.trace_id, self.link_trace_ids.values());
            push_id::<8>(link.span_id, self.link_span_ids.values());
            self.link_trace_states.values().push(link.trace_state);
            self.link_attributes.values().push(span.nested(&link.attributes));
        }
        let count = span.links.len();
        self.link_trace_ids.end_row(count);
        self.link_span_ids.end_row(count);
        self.link_trace_states.end_row(count);
        self.link_attributes.end_row(count);
    }
}

impl Columns for SpanColumns {
    fn new(_table: Table, _layout: Option<&Layout>) -> Self {
        Self::default()
    }

    fn visit(&mut self, each: &mut dyn FnMut(&'static str, &'static str, &mut dyn Column)) {
        each("Timestamp", TIME64, &mut self.timestamp);
        each("TraceId", STRING, &mut self.trace_id);
        each("SpanId", STRING, &mut self.span_id);
        each("ParentSpanId", STRING, &mut self.parent_span_id);
        each("TraceState", STRING, &mut self.trace_state);
        each("SpanName", LOW_CARDINALITY, &mut self.name);
        each("SpanKind", LOW_CARDINALITY, &mut self.kind);
        each("SpanAttributes", MAP, &mut self.attributes);
        each("Duration", "UInt64", &mut self.duration);
        each("StatusCode", LOW_CARDINALITY, &mut self.status_code);
        each("StatusMessage", STRING, &mut self.status_message);
        each("Events.Timestamp", "Array(DateTime64(9))", &mut self.event_timestamps);
        each("Events.Name", "Array(LowCardinality(String))", &mut self.event_names);
        each("Events.Attributes", MAPS, &mut self.event_attributes);
        each("Links.TraceId", STRINGS, &mut self.link_trace_ids);
        each("Links.SpanId", STRINGS, &mut self.link_span_ids);
        each("Links.TraceState", STRINGS, &mut self.link_trace_states);
        each("Links.Attributes", MAPS, &mut self.link_attributes);
        each("ScopeName", STRING, &mut self.scope_name);
        each("ScopeVersion", STRING, &mut self.scope_version);
        each("ServiceName", LOW_CARDINALITY, &mut self.resource.service_name);
        each("ResourceAttributes", MAP, &mut self.resource.attributes);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.scope_name.push_repeated(scope.name, rows);
        self.scope_version.push_repeated(scope.version, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.resource.push_repeated(resource, rows);
    }
}

/// OTLP's `SpanKind` as the UI asks for it.
const fn kind(kind: i32) -> &'static [u8] {
    match kind {
        0 => b"Unspecified",
        1 => b"Internal",
        2 => b"Server",
        3 => b"Client",
        4 => b"Producer",
        5 => b"Consumer",
        _ => b"",
    }
}

/// OTLP's `StatusCode` as the UI asks for it.
const fn status_code(code: i32) -> &'static [u8] {
    match code {
        0 => b"Unset",
        1 => b"Ok",
        2 => b"Error",
        _ => b"",
    }
}
