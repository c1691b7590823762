//! `otel_logs` and `hyperdx_sessions`: records to rows.
//!
//! Comes in: records, and what groups of them share when the group ends. Goes out: columns for either table.
//! Field by field this is the mapping of ClickStack's own collector; what it does not store (observed time,
//! dropped counts) is not stored here either.

use super::{
    Columns,
    native::{Column, Fixed, LowCardinality, Map, Repeats, Strings},
    shared::{LOW_CARDINALITY, MAP, ResourceColumns, STRING, TIME64, push_id},
};
use crate::{
    record::{LogRecord, Resource, Scope, Stored, Value, text},
    table::{Layout, Table},
};

#[derive(Debug, Default)]
pub struct LogColumns {
    /// A session's table has no such column.
    has_event_name: bool,
    timestamp: Fixed,
    trace_id: Strings,
    span_id: Strings,
    trace_flags: Fixed,
    severity_text: LowCardinality,
    severity_number: Fixed,
    body: Strings,
    attributes: Map,
    event_name: Strings,
    scope_schema_url: LowCardinality,
    scope_name: Strings,
    scope_version: LowCardinality,
    scope_attributes: Map,
    resource_schema_url: LowCardinality,
    resource: ResourceColumns,
}

impl LogColumns {
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the columns are UInt8")]
    pub fn push(&mut self, record: &LogRecord<'_>, stored: &Stored<'_>) {
        self.timestamp.push(record.timestamp().to_le_bytes());
        push_id::<16>(record.trace_id, &mut self.trace_id);
        push_id::<8>(record.span_id, &mut self.span_id);
        self.trace_flags.push([record.flags as u8]);
        self.severity_text.push(stored.severity_text);
        self.severity_number.push([stored.severity_number as u8]);
        match record.body {
            Value::String(body) => self.body.push(body),
            other => self.body.push_with(|out| text::append(other, out)),
        }
        self.attributes.push(stored.attributes);
        if self.has_event_name {
            self.event_name.push(record.event_name);
        }
    }
}

impl Columns for LogColumns {
    fn new(table: Table, _layout: Option<&Layout>) -> Self {
        let is_session = table == Table::Sessions;
        // Flattening, a part of the transform that sessions skip, leaves every key once.
        let repeats = if is_session { Repeats::Kept } else { Repeats::LastWins };
        Self { has_event_name: !is_session, attributes: Map::new(repeats), ..Self::default() }
    }

    fn visit(&mut self, each: &mut dyn FnMut(&'static str, &'static str, &mut dyn Column)) {
        each("Timestamp", TIME64, &mut self.timestamp);
        each("TraceId", STRING, &mut self.trace_id);
        each("SpanId", STRING, &mut self.span_id);
        each("TraceFlags", "UInt8", &mut self.trace_flags);
        each("SeverityText", LOW_CARDINALITY, &mut self.severity_text);
        each("SeverityNumber", "UInt8", &mut self.severity_number);
        each("Body", STRING, &mut self.body);
        each("LogAttributes", MAP, &mut self.attributes);
        if self.has_event_name {
            each("EventName", STRING, &mut self.event_name);
        }
        each("ScopeSchemaUrl", LOW_CARDINALITY, &mut self.scope_schema_url);
        each("ScopeName", STRING, &mut self.scope_name);
        each("ScopeVersion", LOW_CARDINALITY, &mut self.scope_version);
        each("ScopeAttributes", MAP, &mut self.scope_attributes);
        each("ServiceName", LOW_CARDINALITY, &mut self.resource.service_name);
        each("ResourceSchemaUrl", LOW_CARDINALITY, &mut self.resource_schema_url);
        each("ResourceAttributes", MAP, &mut self.resource.attributes);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.scope_schema_url.push_repeated(scope.schema_url, rows);
        self.scope_name.push_repeated(scope.name, rows);
        self.scope_version.push_repeated(scope.version, rows);
        self.scope_attributes.push_repeated(&scope.attributes, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.resource_schema_url.push_repeated(resource.schema_url, rows);
        self.resource.push_repeated(resource, rows);
    }
}
