//! What the official decoder reads, as far as the collector keeps it: a text for each record with all it shares.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{InstrumentationScope, KeyValue},
    metrics::v1::{Exemplar, Metric, NumberDataPoint, exemplar, metric::Data, number_data_point},
    resource::v1::Resource,
};
use prost::{DecodeError, Message};

use super::seen::Seen;
use crate::signal::Signal;

pub fn read(signal: Signal, request: &[u8]) -> Result<Seen, DecodeError> {
    Ok(match signal {
        Signal::Logs => logs(ExportLogsServiceRequest::decode(request)?),
        Signal::Metrics => metrics(ExportMetricsServiceRequest::decode(request)?),
        Signal::Traces => traces(ExportTraceServiceRequest::decode(request)?),
    })
}

fn shared(scope: Option<InstrumentationScope>, scope_url: &str, resource: Option<&Resource>, url: &str) -> String {
    let mut scope = scope.unwrap_or_default();
    keep(&mut scope.attributes);
    let mut attributes = resource.map(|resource| resource.attributes.clone()).unwrap_or_default();
    keep(&mut attributes);
    format!(" {scope:?} {scope_url} {attributes:?} {url}")
}

/// An empty value and none are one.
fn keep(attributes: &mut [KeyValue]) {
    for attribute in attributes {
        attribute.key_strindex = 0;
        attribute.value = attribute.value.take().filter(|value| value.value.is_some());
    }
}

fn logs(request: ExportLogsServiceRequest) -> Seen {
    let mut seen = Seen::default();
    for group in request.resource_logs {
        for logs in group.scope_logs {
            let shared = shared(logs.scope, &logs.schema_url, group.resource.as_ref(), &group.schema_url);
            for mut record in logs.log_records {
                keep(&mut record.attributes);
                record.body = record.body.filter(|body| body.value.is_some());
                record.dropped_attributes_count = 0;
                seen.records.push(format!("{record:?}{shared}"));
            }
        }
    }
    seen
}

fn traces(request: ExportTraceServiceRequest) -> Seen {
    let mut seen = Seen::default();
    for group in request.resource_spans {
        for spans in group.scope_spans {
            let shared = shared(spans.scope, &spans.schema_url, group.resource.as_ref(), &group.schema_url);
            for mut span in spans.spans {
                keep(&mut span.attributes);
                for event in &mut span.events {
                    keep(&mut event.attributes);
                    event.dropped_attributes_count = 0;
                }
                for link in &mut span.links {
                    keep(&mut link.attributes);
                    (link.dropped_attributes_count, link.flags) = (0, 0);
                }
                (span.flags, span.dropped_attributes_count) = (0, 0);
                (span.dropped_events_count, span.dropped_links_count) = (0, 0);
                span.status = Some(span.status.unwrap_or_default());
                seen.records.push(format!("{span:?}{shared}"));
            }
        }
    }
    seen
}

fn metrics(request: ExportMetricsServiceRequest) -> Seen {
    let mut seen = Seen::default();
    for group in request.resource_metrics {
        for metrics in group.scope_metrics {
            let shared = shared(metrics.scope, &metrics.schema_url, group.resource.as_ref(), &group.schema_url);
            for metric in metrics.metrics {
                points(metric, &shared, &mut seen);
            }
        }
    }
    seen
}

fn points(mut metric: Metric, shared: &str, seen: &mut Seen) {
    metric.metadata.clear();
    let data = metric.data.take();
    let mut push = |kind, temporality: i32, is_monotonic: bool, point: &dyn std::fmt::Debug| {
        seen.records.push(format!("{kind} {metric:?} {temporality} {is_monotonic} {point:?}{shared}"));
    };
    match data {
        None => seen.rejected += 1,
        Some(Data::Gauge(data)) => {
            data.data_points.into_iter().for_each(|point| push("gauge", 0, false, &number(point)));
        }
        Some(Data::Sum(data)) => {
            let (temporality, is_monotonic) = (data.aggregation_temporality, data.is_monotonic);
            data.data_points.into_iter().for_each(|point| push("sum", temporality, is_monotonic, &number(point)));
        }
        Some(Data::Histogram(data)) => {
            for mut point in data.data_points {
                keep(&mut point.attributes);
                exemplars(&mut point.exemplars);
                zero_where_absent([&mut point.sum, &mut point.min, &mut point.max]);
                push("histogram", data.aggregation_temporality, false, &point);
            }
        }
        Some(Data::ExponentialHistogram(data)) => {
            for mut point in data.data_points {
                keep(&mut point.attributes);
                exemplars(&mut point.exemplars);
                zero_where_absent([&mut point.sum, &mut point.min, &mut point.max]);
                zero_where_absent([&mut point.positive, &mut point.negative]);
                point.zero_threshold = 0.0;
                push("exponential", data.aggregation_temporality, false, &point);
            }
        }
        Some(Data::Summary(data)) => {
            for mut point in data.data_points {
                keep(&mut point.attributes);
                push("summary", 0, false, &point);
            }
        }
    }
}

fn zero_where_absent<T: Default, const N: usize>(fields: [&mut Option<T>; N]) {
    for field in fields {
        field.get_or_insert_default();
    }
}

fn number(mut point: NumberDataPoint) -> NumberDataPoint {
    use number_data_point::Value;
    keep(&mut point.attributes);
    exemplars(&mut point.exemplars);
    point.value = Some(Value::AsDouble(match point.value {
        None => 0.0,
        Some(Value::AsDouble(number)) => number,
        Some(Value::AsInt(number)) => number as f64,
    }));
    point
}

fn exemplars(exemplars: &mut [Exemplar]) {
    use exemplar::Value;
    for exemplar in exemplars {
        keep(&mut exemplar.filtered_attributes);
        exemplar.value = Some(Value::AsDouble(match exemplar.value {
            None => 0.0,
            Some(Value::AsDouble(number)) => number,
            Some(Value::AsInt(number)) => number as f64,
        }));
    }
}
