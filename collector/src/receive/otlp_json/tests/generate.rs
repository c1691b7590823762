//! Requests of every signal, as the official messages.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{
        AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value as V,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::{collection::vec, option, prelude::*};

pub fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (option::of(scope()), vec(log_record(), 0..4), text())
        .prop_map(|(scope, log_records, schema_url)| ScopeLogs { scope, log_records, schema_url });
    let group = (option::of(resource()), vec(scope_logs, 0..3), text())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(group, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

pub fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (option::of(scope()), vec(span(), 0..3), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let group = (option::of(resource()), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(group, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

pub fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope_metrics = (option::of(scope()), vec(metric(), 0..4), text())
        .prop_map(|(scope, metrics, schema_url)| ScopeMetrics { scope, metrics, schema_url });
    let group = (option::of(resource()), vec(scope_metrics, 0..3), text())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(group, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z.\"\\\\é\n]{0,6}", "[a-z ]{100,200}"]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..17)
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(V::StringValue(text))),
        any::<bool>().prop_map(|bit| Some(V::BoolValue(bit))),
        any::<i64>().prop_map(|number| Some(V::IntValue(number))),
        any::<f64>().prop_map(|number| Some(V::DoubleValue(number))),
        bytes().prop_map(|bytes| Some(V::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| V::ArrayValue(ArrayValue { values })),
            vec((text(), option::of(inner)), 0..4)
                .prop_map(|entries| V::KvlistValue(KeyValueList { values: key_values(entries) })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_values(entries: Vec<(String, Option<AnyValue>)>) -> Vec<KeyValue> {
    entries.into_iter().map(|(key, value)| KeyValue { key, value, ..Default::default() }).collect()
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), option::of(value())), 0..3).prop_map(key_values)
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), any::<u32>(), vec((text(), vec(text(), 0..3)), 0..2)).prop_map(
        |(attributes, dropped_attributes_count, refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs: refs
                .into_iter()
                .map(|(name, keys)| EntityRef {
                    schema_url: name.clone(),
                    r#type: name,
                    id_keys: keys.clone(),
                    description_keys: keys,
                })
                .collect(),
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), any::<u32>()).prop_map(|(name, version, attributes, dropped_attributes_count)| {
        InstrumentationScope { name, version, attributes, dropped_attributes_count }
    })
}

fn log_record() -> impl Strategy<Value = LogRecord> {
    let numbers = (any::<u64>(), any::<u64>(), any::<i32>(), any::<u32>(), any::<u32>());
    (numbers, text(), option::of(value()), attributes(), bytes(), text()).prop_map(
        |((time, observed, severity_number, dropped, flags), severity_text, body, attributes, id, event_name)| {
            LogRecord {
                time_unix_nano: time,
                observed_time_unix_nano: observed,
                severity_number,
                severity_text,
                body,
                attributes,
                dropped_attributes_count: dropped,
                flags,
                span_id: id.iter().copied().rev().collect(),
                trace_id: id,
                event_name,
            }
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let event = (any::<u64>(), text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (bytes(), text(), attributes(), any::<u32>()).prop_map(|(id, trace_state, attributes, flags)| Link {
        trace_id: id.clone(),
        span_id: id,
        trace_state,
        attributes,
        dropped_attributes_count: flags / 2,
        flags,
    });
    let status =
        option::of((text(), 0..4_i32)).prop_map(|status| status.map(|(message, code)| Status { message, code }));
    let numbers = (any::<u64>(), any::<u64>(), any::<i32>(), any::<u32>());
    (numbers, bytes(), text(), text(), attributes(), vec(event, 0..3), vec(link, 0..3), status).prop_map(
        |((start, end, kind, count), id, name, trace_state, attributes, events, links, status)| Span {
            trace_id: id.clone(),
            span_id: id.iter().copied().rev().collect(),
            parent_span_id: id,
            trace_state,
            flags: count,
            name,
            kind,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes,
            dropped_attributes_count: count / 2,
            events,
            dropped_events_count: count / 3,
            links,
            dropped_links_count: count / 5,
            status,
        },
    )
}

fn metric() -> impl Strategy<Value = Metric> {
    (text(), text(), attributes(), option::of(data())).prop_map(|(name, unit, metadata, data)| Metric {
        description: name.clone(),
        name,
        unit,
        metadata,
        data,
    })
}

fn data() -> impl Strategy<Value = Data> {
    prop_oneof![
        vec(number_point(), 0..3).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number_point(), 0..3), 0..4_i32, any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| {
                Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic })
            }
        ),
        (vec(histogram_point(), 0..3), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::Histogram(Histogram { data_points, aggregation_temporality })
        }),
        (vec(exponential_point(), 0..3), 0..4_i32).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary_point(), 0..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ]
}

/// Start, end, count, sum, flags: what every point has.
fn shared() -> impl Strategy<Value = (u64, u64, u64, Option<f64>, u32)> {
    (any::<u64>(), any::<u64>(), any::<u64>(), option::of(any::<f64>()), any::<u32>())
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    (any::<u64>(), attributes(), bytes(), option::of(any::<i64>()), any::<f64>()).prop_map(
        |(time_unix_nano, filtered_attributes, id, int, double)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id: id.clone(),
            trace_id: id,
            value: Some(int.map_or(exemplar::Value::AsDouble(double), exemplar::Value::AsInt)),
        },
    )
}

fn number_point() -> impl Strategy<Value = NumberDataPoint> {
    (shared(), attributes(), vec(exemplar(), 0..2), option::of(any::<i64>())).prop_map(
        |((start_time_unix_nano, time_unix_nano, _, double, flags), attributes, exemplars, int)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value: double.map(number_data_point::Value::AsDouble).or_else(|| int.map(number_data_point::Value::AsInt)),
        },
    )
}

fn histogram_point() -> impl Strategy<Value = HistogramDataPoint> {
    (shared(), attributes(), vec(exemplar(), 0..2), vec(any::<u64>(), 0..20), vec(any::<f64>(), 0..20)).prop_map(
        |((start, time, count, sum, flags), attributes, exemplars, bucket_counts, explicit_bounds)| {
            HistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano: time,
                count,
                sum,
                bucket_counts,
                min: explicit_bounds.first().copied(),
                max: explicit_bounds.last().copied(),
                explicit_bounds,
                exemplars,
                flags,
            }
        },
    )
}

fn exponential_point() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let buckets = || {
        option::of((any::<i32>(), vec(any::<u64>(), 0..20)))
            .prop_map(|buckets| buckets.map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }))
    };
    (shared(), attributes(), vec(exemplar(), 0..2), any::<i32>(), any::<f64>(), buckets(), buckets()).prop_map(
        |((start, time, count, sum, flags), attributes, exemplars, scale, threshold, positive, negative)| {
            ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano: start,
                time_unix_nano: time,
                count,
                sum,
                scale,
                zero_count: count / 2,
                positive,
                negative,
                flags,
                exemplars,
                min: sum.map(|sum| sum / 2.0),
                max: sum,
                zero_threshold: threshold,
            }
        },
    )
}

fn summary_point() -> impl Strategy<Value = SummaryDataPoint> {
    (shared(), attributes(), vec((any::<f64>(), any::<f64>()), 0..4)).prop_map(
        |((start, time, count, sum, flags), attributes, quantiles)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count,
            sum: sum.unwrap_or_default(),
            quantile_values: quantiles
                .into_iter()
                .map(|(quantile, value)| ValueAtQuantile { quantile, value })
                .collect(),
            flags,
        },
    )
}
