//! `otel_logs`: records to rows.
//!
//! Comes in: records, and what groups of them share when the group ends. Goes out: a body for the table.
//! Field by field this is the mapping of ClickStack's own collector; what it does not store (observed time,
//! dropped counts) is not stored here either.

use super::{
    frames::{Body, Stream},
    native::{Fixed, LowCardinality, Map, MapMark, Strings, write_header, write_size},
};
use crate::record::{LogRecord, Resource, Scope, Value, text};

/// The columns of an insert, in the order of the body.
pub const COLUMNS: &str = "`Timestamp`,`TraceId`,`SpanId`,`TraceFlags`,`SeverityText`,`SeverityNumber`,`Body`,\
`LogAttributes`,`EventName`,`ScopeSchemaUrl`,`ScopeName`,`ScopeVersion`,`ScopeAttributes`,`ServiceName`,\
`ResourceSchemaUrl`,`ResourceAttributes`";

const COLUMN_COUNT: usize = 16;
const MAP: &str = "Map(LowCardinality(String), String)";
const LOW_CARDINALITY: &str = "LowCardinality(String)";

/// An open block of log rows.
#[derive(Debug, Default)]
pub struct LogRows {
    rows: usize,
    /// Rows whose scope is known; the others' scope has not ended yet.
    scoped: usize,
    /// Rows whose resource is known.
    grouped: usize,
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
    service_name: LowCardinality,
    resource_schema_url: LowCardinality,
    resource_attributes: Map,
    service_scratch: Vec<u8>,
}

/// A length to which an open block can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    rows: usize,
    trace_id: usize,
    span_id: usize,
    body: usize,
    event_name: usize,
    scope_name: usize,
    attributes: MapMark,
    scope_attributes: MapMark,
    resource_attributes: MapMark,
}

impl LogRows {
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows whose scope has not ended.
    pub fn unscoped(&self) -> usize {
        self.rows - self.scoped
    }

    /// Rows whose resource has not ended.
    pub fn ungrouped(&self) -> usize {
        self.rows - self.grouped
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the columns are UInt8")]
    pub fn push(&mut self, record: &LogRecord<'_>) {
        self.rows += 1;
        self.timestamp.push(record.timestamp().to_le_bytes());
        push_id(record.trace_id, &mut self.trace_id);
        push_id(record.span_id, &mut self.span_id);
        self.trace_flags.push([record.flags as u8]);
        self.severity_text.push(record.severity_text);
        self.severity_number.push([record.severity_number as u8]);
        match record.body {
            Value::String(body) => self.body.push(body),
            other => self.body.push_with(|out| text::append(other, out)),
        }
        self.attributes.push(&record.attributes);
        self.event_name.push(record.event_name);
    }

    /// Every row pushed since the last call has this scope.
    pub fn end_scope(&mut self, scope: &Scope<'_>) {
        let rows = self.rows - self.scoped;
        self.scoped = self.rows;
        self.scope_schema_url.push_repeated(scope.schema_url, rows);
        self.scope_name.push_repeated(scope.name, rows);
        self.scope_version.push_repeated(scope.version, rows);
        self.scope_attributes.push_repeated(&scope.attributes, rows);
    }

    /// Every row pushed since the last call has this resource.
    pub fn end_resource(&mut self, resource: &Resource<'_>) {
        let rows = self.rows - self.grouped;
        self.grouped = self.rows;
        self.service_scratch.clear();
        text::append(resource.attribute(b"service.name").unwrap_or(Value::Empty), &mut self.service_scratch);
        self.service_name.push_repeated(&self.service_scratch, rows);
        self.resource_schema_url.push_repeated(resource.schema_url, rows);
        self.resource_attributes.push_repeated(&resource.attributes, rows);
    }

    /// Bytes before compression.
    pub fn bytes(&mut self) -> usize {
        let maps = [&mut self.attributes, &mut self.scope_attributes, &mut self.resource_attributes];
        let maps: usize = maps.into_iter().map(Map::bytes).sum();
        let streams: usize = self.streams().into_iter().map(|stream| stream.size()).sum();
        let dictionaries: usize = self.dictionaries().into_iter().map(|column| column.bytes()).sum();
        maps + streams + dictionaries
    }

    pub fn mark(&mut self) -> Mark {
        Mark {
            rows: self.rows,
            trace_id: self.trace_id.stream().size(),
            span_id: self.span_id.stream().size(),
            body: self.body.stream().size(),
            event_name: self.event_name.stream().size(),
            scope_name: self.scope_name.stream().size(),
            attributes: self.attributes.mark(),
            scope_attributes: self.scope_attributes.mark(),
            resource_attributes: self.resource_attributes.mark(),
        }
    }

    /// Takes back every row since the mark. Only between two calls of [`Self::settle`].
    pub fn rollback(&mut self, mark: Mark) {
        (self.rows, self.scoped, self.grouped) = (mark.rows, mark.rows, mark.rows);
        self.timestamp.stream().truncate(8 * mark.rows);
        self.trace_flags.stream().truncate(mark.rows);
        self.severity_number.stream().truncate(mark.rows);
        self.trace_id.stream().truncate(mark.trace_id);
        self.span_id.stream().truncate(mark.span_id);
        self.body.stream().truncate(mark.body);
        self.event_name.stream().truncate(mark.event_name);
        self.scope_name.stream().truncate(mark.scope_name);
        self.attributes.rollback(mark.attributes);
        self.scope_attributes.rollback(mark.scope_attributes);
        self.resource_attributes.rollback(mark.resource_attributes);
        for dictionary in self.dictionaries() {
            dictionary.truncate(mark.rows);
        }
    }

    /// Compresses what is worth it. Between two requests: what is compressed cannot be taken back.
    pub fn settle(&mut self) {
        for stream in self.streams() {
            stream.settle();
        }
        for map in [&mut self.attributes, &mut self.scope_attributes, &mut self.resource_attributes] {
            map.settle();
        }
    }

    /// Closes the block: its body, and a builder ready for the next one.
    pub fn seal(&mut self) -> Body {
        let mut body = Body::default();
        let out = &mut body;
        write_size(COLUMN_COUNT, self.rows as u64, out);
        column("Timestamp", "DateTime64(9)", self.timestamp.stream(), out);
        column("TraceId", "String", self.trace_id.stream(), out);
        column("SpanId", "String", self.span_id.stream(), out);
        column("TraceFlags", "UInt8", self.trace_flags.stream(), out);
        dictionary("SeverityText", &mut self.severity_text, out);
        column("SeverityNumber", "UInt8", self.severity_number.stream(), out);
        column("Body", "String", self.body.stream(), out);
        map("LogAttributes", &mut self.attributes, out);
        column("EventName", "String", self.event_name.stream(), out);
        dictionary("ScopeSchemaUrl", &mut self.scope_schema_url, out);
        column("ScopeName", "String", self.scope_name.stream(), out);
        dictionary("ScopeVersion", &mut self.scope_version, out);
        map("ScopeAttributes", &mut self.scope_attributes, out);
        dictionary("ServiceName", &mut self.service_name, out);
        dictionary("ResourceSchemaUrl", &mut self.resource_schema_url, out);
        map("ResourceAttributes", &mut self.resource_attributes, out);
        (self.rows, self.scoped, self.grouped) = (0, 0, 0);
        body
    }

    fn streams(&mut self) -> [&mut Stream; 8] {
        [
            self.timestamp.stream(),
            self.trace_id.stream(),
            self.span_id.stream(),
            self.trace_flags.stream(),
            self.severity_number.stream(),
            self.body.stream(),
            self.event_name.stream(),
            self.scope_name.stream(),
        ]
    }

    fn dictionaries(&mut self) -> [&mut LowCardinality; 5] {
        [
            &mut self.severity_text,
            &mut self.scope_schema_url,
            &mut self.scope_version,
            &mut self.service_name,
            &mut self.resource_schema_url,
        ]
    }
}

/// Lower-case hexadecimal, or nothing where the id is absent or all zero.
#[inline]
fn push_id(id: &[u8], column: &mut Strings) {
    if id.iter().all(|byte| *byte == 0) { column.push(&[]) } else { column.push_hex(id) }
}

fn column(name: &str, type_name: &str, stream: &mut Stream, out: &mut Body) {
    write_header(name, type_name, out);
    stream.drain_into(out);
}

fn dictionary(name: &str, column: &mut LowCardinality, out: &mut Body) {
    write_header(name, LOW_CARDINALITY, out);
    column.drain_into(out);
}

fn map(name: &str, column: &mut Map, out: &mut Body) {
    write_header(name, MAP, out);
    column.drain_into(out);
}
