//! `otel_metrics_*`: data points to rows, a table for each kind.
//!
//! Comes in: points with their metric, and what groups of them share when the group ends. Goes out: columns of the
//! tables. Field by field this is the mapping of ClickStack's own collector: whole numbers become floating point,
//! what is absent is 0, and the zero threshold of exponential histograms has no column.

use super::{
    Columns,
    native::{Array, Column, Fixed, LowCardinality, Map, Strings},
    shared::{LOW_CARDINALITY, MAP, MAPS, ResourceColumns, STRING, STRINGS, Time},
};
use crate::{
    record::{Exemplars, ExponentialPoint, HistogramPoint, Metric, NumberPoint, Point, Resource, Scope, SummaryPoint},
    table::{Layout, Table},
};

mod kinds;

pub use kinds::{ExponentialColumns, GaugeColumns, HistogramColumns, SumColumns, SummaryColumns};

/// Shows a column: its name, its type, its builder.
type Each<'e> = dyn FnMut(&'static str, &'static str, &mut dyn Column) + 'e;

const LONGS: &str = "Array(UInt64)";
const DOUBLES: &str = "Array(Float64)";

/// What the tables of all kinds have.
#[derive(Debug, Default)]
struct PointColumns {
    name: LowCardinality,
    description: Strings,
    unit: Strings,
    attributes: Map,
    start: Time,
    time: Time,
    flags: Fixed,
    scope_name: Strings,
    scope_version: Strings,
    scope_attributes: Map,
    scope_dropped: Fixed,
    scope_schema_url: Strings,
    resource_schema_url: Strings,
    resource: ResourceColumns,
}

impl PointColumns {
    fn new(layout: Option<&Layout>) -> Self {
        Self { start: Time::of("StartTimeUnix", layout), time: Time::of("TimeUnix", layout), ..Self::default() }
    }

    #[inline]
    fn push(&mut self, metric: &Metric<'_>, point: &Point<'_>) {
        self.name.push(metric.name);
        self.description.push(metric.description);
        self.unit.push(metric.unit);
        self.attributes.push(&point.attributes);
        self.start.push(point.start);
        self.time.push(point.time);
        self.flags.push(point.flags.to_le_bytes());
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        each("MetricName", LOW_CARDINALITY, &mut self.name);
        each("MetricDescription", STRING, &mut self.description);
        each("MetricUnit", STRING, &mut self.unit);
        each("Attributes", MAP, &mut self.attributes);
        each("StartTimeUnix", self.start.type_name(), &mut self.start);
        each("TimeUnix", self.time.type_name(), &mut self.time);
        each("Flags", "UInt32", &mut self.flags);
        each("ScopeName", STRING, &mut self.scope_name);
        each("ScopeVersion", STRING, &mut self.scope_version);
        each("ScopeAttributes", MAP, &mut self.scope_attributes);
        each("ScopeDroppedAttrCount", "UInt32", &mut self.scope_dropped);
        each("ScopeSchemaUrl", STRING, &mut self.scope_schema_url);
        each("ResourceSchemaUrl", STRING, &mut self.resource_schema_url);
        each("ServiceName", LOW_CARDINALITY, &mut self.resource.service_name);
        each("ResourceAttributes", MAP, &mut self.resource.attributes);
    }

    fn end_scope(&mut self, scope: &Scope<'_>, rows: usize) {
        self.scope_name.push_repeated(scope.name, rows);
        self.scope_version.push_repeated(scope.version, rows);
        self.scope_attributes.push_repeated(&scope.attributes, rows);
        for _ in 0..rows {
            self.scope_dropped.push(scope.dropped_attributes.to_le_bytes());
        }
        self.scope_schema_url.push_repeated(scope.schema_url, rows);
    }

    fn end_resource(&mut self, resource: &Resource<'_>, rows: usize) {
        self.resource_schema_url.push_repeated(resource.schema_url, rows);
        self.resource.push_repeated(resource, rows);
    }
}

#[derive(Debug, Default)]
struct ExemplarColumns {
    attributes: Array<Map>,
    times: Array<Time>,
    values: Array<Fixed>,
    span_ids: Array<Strings>,
    trace_ids: Array<Strings>,
}

impl ExemplarColumns {
    fn new(layout: Option<&Layout>) -> Self {
        Self { times: Array::of(Time::of("Exemplars.TimeUnix", layout)), ..Self::default() }
    }

    #[inline]
    fn push(&mut self, exemplars: &Exemplars<'_>) {
        for exemplar in &exemplars.list {
            self.attributes.values().push(&exemplars.attributes[exemplar.attributes.clone()]);
            self.times.values().push(exemplar.time);
            self.values.values().push(exemplar.value.to_le_bytes());
            // An absent id is all zeros here and not empty, unlike the ids of spans and logs.
            push_full_id(exemplar.span_id, &[0; 8], self.span_ids.values());
            push_full_id(exemplar.trace_id, &[0; 16], self.trace_ids.values());
        }
        let count = exemplars.list.len();
        self.attributes.end_row(count);
        self.times.end_row(count);
        self.values.end_row(count);
        self.span_ids.end_row(count);
        self.trace_ids.end_row(count);
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        each("Exemplars.FilteredAttributes", MAPS, &mut self.attributes);
        each("Exemplars.TimeUnix", self.times.values().list_type_name(), &mut self.times);
        each("Exemplars.Value", DOUBLES, &mut self.values);
        each("Exemplars.SpanId", STRINGS, &mut self.span_ids);
        each("Exemplars.TraceId", STRINGS, &mut self.trace_ids);
    }
}

fn push_full_id(id: &[u8], absent: &[u8], column: &mut Strings) {
    column.push_hex(if id.len() == absent.len() { id } else { absent });
}

/// Count, sum and the extremes of a histogram of either kind.
#[derive(Debug, Default)]
struct Totals {
    count: Fixed,
    sum: Fixed,
    min: Fixed,
    max: Fixed,
}

impl Totals {
    #[inline]
    fn push(&mut self, count: u64, sum: f64, min: f64, max: f64) {
        self.count.push(count.to_le_bytes());
        self.sum.push(sum.to_le_bytes());
        self.min.push(min.to_le_bytes());
        self.max.push(max.to_le_bytes());
    }

    fn visit(&mut self, each: &mut Each<'_>) {
        each("Count", "UInt64", &mut self.count);
        each("Sum", "Float64", &mut self.sum);
        each("Min", "Float64", &mut self.min);
        each("Max", "Float64", &mut self.max);
    }
}

/// Appends a row of numbers of 8 bytes each, little-endian already.
#[inline]
fn push_numbers(numbers: &[u8], column: &mut Array<Fixed>) {
    column.values().push_encoded(numbers);
    column.end_row(numbers.len() / 8);
}
