//! `otel_metrics_*`.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::KeyValue,
    metrics::v1::{
        Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint, SummaryDataPoint,
        exemplar, metric::Data, number_data_point,
    },
};

use super::{Expected, digits, list, map, of_resource, of_scope, row};
use crate::{
    assemble::tests::cell::{Cell, Row},
    table::Table,
};

pub fn metrics(request: ExportMetricsServiceRequest) -> Expected {
    let mut expected = Expected::default();
    for group in request.resource_metrics {
        for metrics in group.scope_metrics {
            let mut shared = of_resource(group.resource.as_ref());
            shared.extend(of_scope(metrics.scope.as_ref()));
            let scope = metrics.scope.unwrap_or_default();
            shared.extend(row([
                ("ResourceSchemaUrl", Cell::text(&group.schema_url)),
                ("ScopeSchemaUrl", Cell::text(&metrics.schema_url)),
                ("ScopeAttributes", map(&scope.attributes)),
                ("ScopeDroppedAttrCount", Cell::whole(scope.dropped_attributes_count)),
            ]));
            for metric in metrics.metrics {
                points(metric, &shared, &mut expected);
            }
        }
    }
    expected
}

fn points(metric: Metric, shared: &Row, expected: &mut Expected) {
    let mut shared = shared.clone();
    shared.extend(row([
        ("MetricName", Cell::text(metric.name)),
        ("MetricDescription", Cell::text(metric.description)),
        ("MetricUnit", Cell::text(metric.unit)),
    ]));
    let mut with = |table, temporality: Option<i32>, row: Row| {
        let temporality = temporality.map(|code| ("AggregationTemporality".to_owned(), Cell::whole(code)));
        expected.push(table, [shared.clone(), row.into_iter().chain(temporality).collect()]);
    };
    match metric.data {
        None => expected.rejected += 1,
        Some(Data::Gauge(data)) => data.data_points.iter().for_each(|point| with(Table::Gauge, None, number(point))),
        Some(Data::Sum(data)) => {
            for point in &data.data_points {
                let mut row = number(point);
                row.insert("IsMonotonic".to_owned(), Cell::whole(data.is_monotonic));
                with(Table::Sum, Some(data.aggregation_temporality), row);
            }
        }
        Some(Data::Histogram(data)) => {
            let temporality = Some(data.aggregation_temporality);
            data.data_points.iter().for_each(|point| with(Table::Histogram, temporality, histogram(point)));
        }
        Some(Data::ExponentialHistogram(data)) => {
            let temporality = Some(data.aggregation_temporality);
            let table = Table::ExponentialHistogram;
            data.data_points.iter().for_each(|point| with(table, temporality, exponential(point)));
        }
        Some(Data::Summary(data)) => {
            data.data_points.iter().for_each(|point| with(Table::Summary, None, summary(point)));
        }
    }
}

fn point(attributes: &[KeyValue], start: u64, time: u64, flags: u32) -> Row {
    row([
        ("Attributes", map(attributes)),
        ("StartTimeUnix", Cell::Time(start)),
        ("TimeUnix", Cell::Time(time)),
        ("Flags", Cell::whole(flags)),
    ])
}

fn number(sent: &NumberDataPoint) -> Row {
    use number_data_point::Value;
    let mut found = point(&sent.attributes, sent.start_time_unix_nano, sent.time_unix_nano, sent.flags);
    found.extend(exemplars(&sent.exemplars));
    let value = match sent.value {
        None => 0.0,
        Some(Value::AsDouble(number)) => number,
        Some(Value::AsInt(number)) => number as f64,
    };
    found.extend(row([("Value", Cell::double(value))]));
    found
}

fn exemplars(exemplars: &[Exemplar]) -> Row {
    use exemplar::Value;
    let value = |exemplar: &Exemplar| match exemplar.value {
        None => Cell::double(0.0),
        Some(Value::AsDouble(number)) => Cell::double(number),
        Some(Value::AsInt(number)) => Cell::double(number as f64),
    };
    // Unlike the ids of spans and logs these are zeros where there is none.
    let id = |id: &[u8], length| Cell::text(digits(if id.len() == length { id } else { &[0; 16][..length] }));
    row([
        ("Exemplars.FilteredAttributes", list(exemplars, |exemplar| map(&exemplar.filtered_attributes))),
        ("Exemplars.TimeUnix", list(exemplars, |exemplar| Cell::Time(exemplar.time_unix_nano))),
        ("Exemplars.Value", list(exemplars, value)),
        ("Exemplars.SpanId", list(exemplars, |exemplar| id(&exemplar.span_id, 8))),
        ("Exemplars.TraceId", list(exemplars, |exemplar| id(&exemplar.trace_id, 16))),
    ])
}

fn totals(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> Row {
    let double = |number: Option<f64>| Cell::double(number.unwrap_or(0.0));
    row([("Count", Cell::whole(count)), ("Sum", double(sum)), ("Min", double(min)), ("Max", double(max))])
}

fn histogram(sent: &HistogramDataPoint) -> Row {
    let mut found = point(&sent.attributes, sent.start_time_unix_nano, sent.time_unix_nano, sent.flags);
    found.extend(exemplars(&sent.exemplars));
    found.extend(totals(sent.count, sent.sum, sent.min, sent.max));
    found.extend(row([
        ("BucketCounts", list(&sent.bucket_counts, |count| Cell::whole(*count))),
        ("ExplicitBounds", list(&sent.explicit_bounds, |bound| Cell::double(*bound))),
    ]));
    found
}

fn exponential(sent: &ExponentialHistogramDataPoint) -> Row {
    let mut found = point(&sent.attributes, sent.start_time_unix_nano, sent.time_unix_nano, sent.flags);
    found.extend(exemplars(&sent.exemplars));
    found.extend(totals(sent.count, sent.sum, sent.min, sent.max));
    let positive = sent.positive.clone().unwrap_or_default();
    let negative = sent.negative.clone().unwrap_or_default();
    found.extend(row([
        ("Scale", Cell::whole(sent.scale)),
        ("ZeroCount", Cell::whole(sent.zero_count)),
        ("PositiveOffset", Cell::whole(positive.offset)),
        ("PositiveBucketCounts", list(&positive.bucket_counts, |count| Cell::whole(*count))),
        ("NegativeOffset", Cell::whole(negative.offset)),
        ("NegativeBucketCounts", list(&negative.bucket_counts, |count| Cell::whole(*count))),
    ]));
    found
}

fn summary(sent: &SummaryDataPoint) -> Row {
    let mut found = point(&sent.attributes, sent.start_time_unix_nano, sent.time_unix_nano, sent.flags);
    found.extend(row([
        ("Count", Cell::whole(sent.count)),
        ("Sum", Cell::double(sent.sum)),
        ("ValueAtQuantiles.Quantile", list(&sent.quantile_values, |pair| Cell::double(pair.quantile))),
        ("ValueAtQuantiles.Value", list(&sent.quantile_values, |pair| Cell::double(pair.value))),
    ]));
    found
}
