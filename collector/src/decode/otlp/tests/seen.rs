//! What the decoder shows, as the official messages it was: a text for each record with all it shares.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value as V},
    logs::v1::LogRecord as OfficialLog,
    metrics::v1::{
        Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric as OfficialMetric, NumberDataPoint,
        SummaryDataPoint, exemplar, exponential_histogram_data_point, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    trace::v1::{Span as OfficialSpan, Status, span},
};
use prost::Message;

use super::super::{LogSink, PointSink, Resource, Scope, Sink, SpanSink, logs, metrics, traces};
use crate::{
    record::{
        Attribute, Buckets, Exemplars, ExponentialPoint, HistogramPoint, LogRecord, Malformed, Metric, NumberPoint,
        Point, Span, SummaryPoint, Value,
    },
    signal::Signal,
};

#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    pub records: Vec<String>,
    /// Records that cannot be read.
    pub rejected: usize,
    scoped: usize,
    grouped: usize,
}

impl Seen {
    pub fn by_decoder(signal: Signal, request: &[u8]) -> Result<Self, Malformed> {
        let mut seen = Self::default();
        match signal {
            Signal::Logs => logs(request, &mut seen)?,
            Signal::Metrics => metrics(request, &mut seen)?,
            Signal::Traces => traces(request, &mut seen)?,
        }
        (seen.scoped, seen.grouped) = (0, 0);
        Ok(seen)
    }

    fn point(&mut self, kind: &str, metric: &Metric<'_>, point: &impl std::fmt::Debug) -> Result<(), Malformed> {
        let named = OfficialMetric {
            name: text(metric.name),
            description: text(metric.description),
            unit: text(metric.unit),
            ..Default::default()
        };
        self.records.push(format!("{kind} {named:?} {} {} {point:?}", metric.temporality, metric.is_monotonic));
        Ok(())
    }
}

impl<'a> Sink<'a> for Seen {
    type Refused = Malformed;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Malformed> {
        self.rejected += 1;
        Ok(())
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Malformed> {
        let official = InstrumentationScope {
            name: text(scope.name),
            version: text(scope.version),
            attributes: key_values(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes,
        };
        let shared = format!(" {official:?} {}", text(scope.schema_url));
        self.records[self.scoped..].iter_mut().for_each(|record| record.push_str(&shared));
        self.scoped = self.records.len();
        Ok(())
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Malformed> {
        let shared = format!(" {:?} {}", key_values(&resource.attributes), text(resource.schema_url));
        self.records[self.grouped..].iter_mut().for_each(|record| record.push_str(&shared));
        self.grouped = self.records.len();
        Ok(())
    }
}

impl<'a> LogSink<'a> for Seen {
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Malformed> {
        let official = OfficialLog {
            time_unix_nano: record.time,
            observed_time_unix_nano: record.observed_time,
            severity_number: record.severity_number,
            severity_text: text(record.severity_text),
            body: value(record.body),
            attributes: key_values(&record.attributes),
            flags: record.flags,
            trace_id: record.trace_id.to_vec(),
            span_id: record.span_id.to_vec(),
            event_name: text(record.event_name),
            ..Default::default()
        };
        self.records.push(format!("{official:?}"));
        Ok(())
    }
}

impl<'a> SpanSink<'a> for Seen {
    fn span(&mut self, span: &Span<'a>) -> Result<(), Malformed> {
        let events = span.events.iter().map(|event| span::Event {
            time_unix_nano: event.time,
            name: text(event.name),
            attributes: key_values(span.nested(&event.attributes)),
            ..Default::default()
        });
        let links = span.links.iter().map(|link| span::Link {
            trace_id: link.trace_id.to_vec(),
            span_id: link.span_id.to_vec(),
            trace_state: text(link.trace_state),
            attributes: key_values(span.nested(&link.attributes)),
            ..Default::default()
        });
        let official = OfficialSpan {
            trace_id: span.trace_id.to_vec(),
            span_id: span.span_id.to_vec(),
            trace_state: text(span.trace_state),
            parent_span_id: span.parent_span_id.to_vec(),
            name: text(span.name),
            kind: span.kind,
            start_time_unix_nano: span.start,
            end_time_unix_nano: span.end,
            attributes: key_values(&span.attributes),
            events: events.collect(),
            links: links.collect(),
            status: Some(Status { message: text(span.status_message), code: span.status_code }),
            ..Default::default()
        };
        self.records.push(format!("{official:?}"));
        Ok(())
    }
}

impl<'a> PointSink<'a> for Seen {
    fn gauge(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Malformed> {
        self.point("gauge", metric, &number(point))
    }

    fn sum(&mut self, metric: &Metric<'a>, point: &NumberPoint<'a>) -> Result<(), Malformed> {
        self.point("sum", metric, &number(point))
    }

    fn histogram(&mut self, metric: &Metric<'a>, sent: &HistogramPoint<'a>) -> Result<(), Malformed> {
        let Point { attributes, start, time, flags } = &sent.point;
        let official = HistogramDataPoint {
            attributes: key_values(attributes),
            start_time_unix_nano: *start,
            time_unix_nano: *time,
            count: sent.count,
            sum: Some(sent.sum),
            bucket_counts: eights(&sent.bucket_counts),
            explicit_bounds: eights(&sent.explicit_bounds).into_iter().map(f64::from_bits).collect(),
            exemplars: exemplars(&sent.exemplars),
            flags: *flags,
            min: Some(sent.min),
            max: Some(sent.max),
        };
        self.point("histogram", metric, &official)
    }

    fn exponential(&mut self, metric: &Metric<'a>, sent: &ExponentialPoint<'a>) -> Result<(), Malformed> {
        let Point { attributes, start, time, flags } = &sent.point;
        let buckets = |buckets: &Buckets| exponential_histogram_data_point::Buckets {
            offset: buckets.offset,
            bucket_counts: eights(&buckets.counts),
        };
        let official = ExponentialHistogramDataPoint {
            attributes: key_values(attributes),
            start_time_unix_nano: *start,
            time_unix_nano: *time,
            count: sent.count,
            sum: Some(sent.sum),
            scale: sent.scale,
            zero_count: sent.zero_count,
            positive: Some(buckets(&sent.positive)),
            negative: Some(buckets(&sent.negative)),
            flags: *flags,
            exemplars: exemplars(&sent.exemplars),
            min: Some(sent.min),
            max: Some(sent.max),
            ..Default::default()
        };
        self.point("exponential", metric, &official)
    }

    fn summary(&mut self, metric: &Metric<'a>, sent: &SummaryPoint<'a>) -> Result<(), Malformed> {
        let Point { attributes, start, time, flags } = &sent.point;
        let quantiles =
            sent.quantiles.iter().map(|(quantile, value)| ValueAtQuantile { quantile: *quantile, value: *value });
        let official = SummaryDataPoint {
            attributes: key_values(attributes),
            start_time_unix_nano: *start,
            time_unix_nano: *time,
            count: sent.count,
            sum: sent.sum,
            quantile_values: quantiles.collect(),
            flags: *flags,
        };
        self.point("summary", metric, &official)
    }
}

fn number(sent: &NumberPoint<'_>) -> NumberDataPoint {
    let Point { attributes, start, time, flags } = &sent.point;
    NumberDataPoint {
        attributes: key_values(attributes),
        start_time_unix_nano: *start,
        time_unix_nano: *time,
        exemplars: exemplars(&sent.exemplars),
        flags: *flags,
        value: Some(number_data_point::Value::AsDouble(sent.value)),
    }
}

fn exemplars(sent: &Exemplars<'_>) -> Vec<Exemplar> {
    let official = sent.list.iter().map(|exemplar| Exemplar {
        filtered_attributes: key_values(&sent.attributes[exemplar.attributes.clone()]),
        time_unix_nano: exemplar.time,
        span_id: exemplar.span_id.to_vec(),
        trace_id: exemplar.trace_id.to_vec(),
        value: Some(exemplar::Value::AsDouble(exemplar.value)),
    });
    official.collect()
}

fn eights(encoded: &[u8]) -> Vec<u64> {
    encoded.chunks(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn key_values(attributes: &[Attribute<'_>]) -> Vec<KeyValue> {
    let official = |attribute: &Attribute<'_>| KeyValue {
        key: text(attribute.key),
        value: value(attribute.value),
        ..Default::default()
    };
    attributes.iter().map(official).collect()
}

/// What is nested is still encoded, and has been checked: of what is left the official decoder may read all.
fn value(value: Value<'_>) -> Option<AnyValue> {
    let value = match value {
        Value::Empty => return None,
        Value::String(bytes) => V::StringValue(text(bytes)),
        Value::Bool(bit) => V::BoolValue(bit),
        Value::Int(number) => V::IntValue(number),
        Value::Double(number) => V::DoubleValue(number),
        Value::Bytes(bytes) => V::BytesValue(bytes.to_vec()),
        Value::Array(message) => V::ArrayValue(ArrayValue::decode(message).unwrap_or_default()),
        Value::Map(message) => V::KvlistValue(KeyValueList::decode(message).unwrap_or_default()),
        Value::Json(_) => panic!("nothing on the wire is JSON"),
    };
    Some(AnyValue { value: Some(value) })
}
