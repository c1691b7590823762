//! Requests with points of the five kinds, and metrics without any.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
};
use proptest::{collection::vec, option, prelude::*};

use super::{attributes, double, id, resource, scope, text, time, url};

pub fn metrics() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    let scope_metrics = (scope(), vec(metric(), 0..4), url()).prop_map(|(scope, metrics, schema_url)| ScopeMetrics {
        scope,
        metrics,
        schema_url,
    });
    let group = (resource(), vec(scope_metrics, 0..3), url())
        .prop_map(|(resource, scope_metrics, schema_url)| ResourceMetrics { resource, scope_metrics, schema_url });
    vec(group, 0..3).prop_map(|resource_metrics| ExportMetricsServiceRequest { resource_metrics })
}

fn metric() -> impl Strategy<Value = Metric> {
    (text(), text(), text(), attributes(), option::weighted(0.9, data()))
        .prop_map(|(name, description, unit, metadata, data)| Metric { name, description, unit, metadata, data })
}

fn data() -> impl Strategy<Value = Data> {
    let temporality = || prop_oneof![0..3_i32, any::<i32>()];
    prop_oneof![
        vec(number(), 0..3).prop_map(|data_points| Data::Gauge(Gauge { data_points })),
        (vec(number(), 0..3), temporality(), any::<bool>()).prop_map(
            |(data_points, aggregation_temporality, is_monotonic)| Data::Sum(Sum {
                data_points,
                aggregation_temporality,
                is_monotonic
            })
        ),
        (vec(histogram(), 0..3), temporality()).prop_map(|(data_points, aggregation_temporality)| Data::Histogram(
            Histogram { data_points, aggregation_temporality }
        )),
        (vec(exponential(), 0..3), temporality()).prop_map(|(data_points, aggregation_temporality)| {
            Data::ExponentialHistogram(ExponentialHistogram { data_points, aggregation_temporality })
        }),
        vec(summary(), 0..3).prop_map(|data_points| Data::Summary(Summary { data_points })),
    ]
}

fn number() -> impl Strategy<Value = NumberDataPoint> {
    use number_data_point::Value;
    let value = prop_oneof![double().prop_map(Value::AsDouble), any::<i64>().prop_map(Value::AsInt)];
    (attributes(), time(), time(), vec(exemplar(), 0..3), any::<u32>(), option::of(value)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, exemplars, flags, value)| NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            exemplars,
            flags,
            value,
        },
    )
}

fn exemplar() -> impl Strategy<Value = Exemplar> {
    use exemplar::Value;
    let value = prop_oneof![double().prop_map(Value::AsDouble), any::<i64>().prop_map(Value::AsInt)];
    (attributes(), time(), id(8), id(16), option::of(value)).prop_map(
        |(filtered_attributes, time_unix_nano, span_id, trace_id, value)| Exemplar {
            filtered_attributes,
            time_unix_nano,
            span_id,
            trace_id,
            value,
        },
    )
}

fn histogram() -> impl Strategy<Value = HistogramDataPoint> {
    let totals = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()));
    let buckets = (vec(any::<u64>(), 0..4), vec(double(), 0..4));
    (attributes(), time(), time(), totals, buckets, vec(exemplar(), 0..3), any::<u32>()).prop_map(
        |(attributes, start, time, totals, buckets, exemplars, flags)| HistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count: totals.0,
            sum: totals.1,
            bucket_counts: buckets.0,
            explicit_bounds: buckets.1,
            exemplars,
            flags,
            min: totals.2,
            max: totals.3,
        },
    )
}

fn exponential() -> impl Strategy<Value = ExponentialHistogramDataPoint> {
    let totals = (any::<u64>(), option::of(double()), option::of(double()), option::of(double()), any::<u64>());
    let buckets = || {
        let counts = vec(prop_oneof![any::<u64>(), 0..300_u64], 0..4);
        option::of((any::<i32>(), counts).prop_map(|(offset, bucket_counts)| Buckets { offset, bucket_counts }))
    };
    let scaled = (any::<i32>(), buckets(), buckets(), double());
    (attributes(), time(), time(), totals, scaled, vec(exemplar(), 0..3), any::<u32>()).prop_map(
        |(attributes, start, time, totals, scaled, exemplars, flags)| ExponentialHistogramDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count: totals.0,
            sum: totals.1,
            scale: scaled.0,
            zero_count: totals.4,
            positive: scaled.1,
            negative: scaled.2,
            flags,
            exemplars,
            min: totals.2,
            max: totals.3,
            zero_threshold: scaled.3,
        },
    )
}

fn summary() -> impl Strategy<Value = SummaryDataPoint> {
    let quantiles = vec((double(), double()).prop_map(|(quantile, value)| ValueAtQuantile { quantile, value }), 0..3);
    (attributes(), time(), time(), any::<u64>(), double(), quantiles, any::<u32>()).prop_map(
        |(attributes, start, time, count, sum, quantile_values, flags)| SummaryDataPoint {
            attributes,
            start_time_unix_nano: start,
            time_unix_nano: time,
            count,
            sum,
            quantile_values,
            flags,
        },
    )
}
