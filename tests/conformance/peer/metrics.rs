//! Data points of the five kinds, with everything that may be absent.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
};
use prost::Message;

use super::Request;
use super::values::{attributes, duplicates, full_scope, now, pair, resources, scope, shop, text, value};

type Named = (String, Data);

pub fn requests() -> Vec<Request> {
    vec![
        request("otel_metrics_gauge", gauges()),
        request("otel_metrics_sum", sums()),
        request("otel_metrics_histogram", histograms()),
        request("otel_metrics_exponential_histogram", exponential_histograms()),
        request("otel_metrics_summary", summaries()),
    ]
}

/// One row for each: every kind is also sent from every resource and scope.
fn request(table: &'static str, points: Vec<Named>) -> Request {
    let plain = points[0].1.clone();
    let metric = |data: Data| Metric {
        name: "shop.orders".into(),
        description: "Orders \"placed\"".into(),
        unit: "{order}".into(),
        data: Some(data),
        ..Default::default()
    };
    let one =
        |(name, data): Named| ScopeMetrics { scope: scope(&name), metrics: vec![metric(data)], ..Default::default() };
    let scope_metrics = points.into_iter().map(one).collect();
    let mut resource_metrics = vec![ResourceMetrics { resource: shop(), scope_metrics, ..Default::default() }];
    for (name, resource) in resources() {
        let scope_metrics = vec![one((name.to_owned(), plain.clone()))];
        resource_metrics.push(ResourceMetrics { resource, scope_metrics, ..Default::default() });
    }
    let full = ScopeMetrics {
        scope: full_scope("full"),
        schema_url: "https://scope".into(),
        ..one((String::new(), plain.clone()))
    };
    let bare = ScopeMetrics { scope: None, ..one((String::new(), plain.clone())) };
    let bare_metric = Metric { data: Some(plain), metadata: vec![text("m", "n")], ..Default::default() };
    let nameless = ScopeMetrics { scope: scope("no name"), metrics: vec![bare_metric], ..Default::default() };
    let schema_url = "https://resource".into();
    resource_metrics.push(ResourceMetrics { resource: shop(), scope_metrics: vec![full, bare, nameless], schema_url });
    let rows = resource_metrics.iter().map(|resource| resource.scope_metrics.len()).sum();
    let body = ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into();
    Request { path: "/v1/metrics", body, rows: vec![(table, rows)] }
}

fn number() -> NumberDataPoint {
    NumberDataPoint { time_unix_nano: now(), value: Some(Number::AsInt(3)), ..Default::default() }
}

/// What every kind of number point tells apart.
fn numbers() -> Vec<(&'static str, NumberDataPoint)> {
    vec![
        ("plain", number()),
        ("double", NumberDataPoint { value: Some(Number::AsDouble(0.1)), ..number() }),
        ("int beyond a double", NumberDataPoint { value: Some(Number::AsInt(9_007_199_254_740_993)), ..number() }),
        ("negative", NumberDataPoint { value: Some(Number::AsInt(-5)), ..number() }),
        ("not a number", NumberDataPoint { value: Some(Number::AsDouble(f64::NAN)), ..number() }),
        ("infinite", NumberDataPoint { value: Some(Number::AsDouble(f64::NEG_INFINITY)), ..number() }),
        ("no value", NumberDataPoint { value: None, flags: 1, ..number() }),
        ("flags", NumberDataPoint { flags: 0xffff_ffff, ..number() }),
        ("start", NumberDataPoint { start_time_unix_nano: now() - 60_999_999_999, ..number() }),
        ("attributes of every kind", NumberDataPoint { attributes: attributes(), ..number() }),
        ("attributes twice", NumberDataPoint { attributes: duplicates(), ..number() }),
        ("exemplars", NumberDataPoint { exemplars: exemplars(), ..number() }),
    ]
}

fn gauges() -> Vec<Named> {
    let gauge = |point| Data::Gauge(Gauge { data_points: vec![point] });
    numbers().into_iter().map(|(name, point)| (name.to_owned(), gauge(point))).collect()
}

fn sums() -> Vec<Named> {
    let sum = |point, aggregation_temporality, is_monotonic| {
        Data::Sum(Sum { data_points: vec![point], aggregation_temporality, is_monotonic })
    };
    let mut all: Vec<Named> =
        numbers().into_iter().map(|(name, point)| (name.to_owned(), sum(point, 2, true))).collect();
    for temporality in [0, 1, 2, 3] {
        all.push((format!("temporality {temporality}"), sum(number(), temporality, false)));
    }
    all
}

fn histograms() -> Vec<Named> {
    let point = || HistogramDataPoint { time_unix_nano: now(), count: 6, ..Default::default() };
    let full = HistogramDataPoint {
        sum: Some(12.5),
        bucket_counts: vec![1, 2, 3],
        explicit_bounds: vec![0.1, 10.0],
        min: Some(-0.5),
        max: Some(99.0),
        ..point()
    };
    let points = [
        ("plain", full.clone()),
        ("nothing but a count", point()),
        ("one bucket", HistogramDataPoint { bucket_counts: vec![6], ..point() }),
        (
            "the largest counts",
            HistogramDataPoint {
                count: u64::MAX,
                bucket_counts: vec![u64::MAX, 0],
                explicit_bounds: vec![f64::MAX],
                ..point()
            },
        ),
        ("flags", HistogramDataPoint { flags: 1, ..full.clone() }),
        ("start", HistogramDataPoint { start_time_unix_nano: now() - 60_999_999_999, ..full.clone() }),
        ("attributes of every kind", HistogramDataPoint { attributes: attributes(), ..full.clone() }),
        ("exemplars", HistogramDataPoint { exemplars: exemplars(), ..full.clone() }),
    ];
    let of = |point, aggregation_temporality| {
        Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality })
    };
    let mut all: Vec<Named> = points.into_iter().map(|(name, point)| (name.to_owned(), of(point, 2))).collect();
    for temporality in [0, 1] {
        all.push((format!("temporality {temporality}"), of(full.clone(), temporality)));
    }
    all
}

fn exponential_histograms() -> Vec<Named> {
    let point = || ExponentialHistogramDataPoint { time_unix_nano: now(), count: 6, ..Default::default() };
    let buckets = |offset, counts: &[u64]| Some(Buckets { offset, bucket_counts: counts.to_vec() });
    let full = ExponentialHistogramDataPoint {
        sum: Some(12.5),
        scale: -3,
        zero_count: 2,
        zero_threshold: 0.25,
        positive: buckets(-7, &[1, 0, 2]),
        negative: buckets(4, &[1]),
        min: Some(-4.0),
        max: Some(99.0),
        ..point()
    };
    let points = [
        ("plain", full.clone()),
        ("nothing but a count", point()),
        ("only negative", ExponentialHistogramDataPoint { positive: None, ..full.clone() }),
        ("empty buckets", ExponentialHistogramDataPoint { positive: buckets(3, &[]), ..point() }),
        ("flags", ExponentialHistogramDataPoint { flags: 1, ..full.clone() }),
        ("start", ExponentialHistogramDataPoint { start_time_unix_nano: now() - 60_999_999_999, ..full.clone() }),
        ("attributes of every kind", ExponentialHistogramDataPoint { attributes: attributes(), ..full.clone() }),
        ("exemplars", ExponentialHistogramDataPoint { exemplars: exemplars(), ..full.clone() }),
    ];
    let of = |point, aggregation_temporality| {
        Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![point], aggregation_temporality })
    };
    let mut all: Vec<Named> = points.into_iter().map(|(name, point)| (name.to_owned(), of(point, 2))).collect();
    for temporality in [0, 1] {
        all.push((format!("temporality {temporality}"), of(full.clone(), temporality)));
    }
    all
}

fn summaries() -> Vec<Named> {
    let point = || SummaryDataPoint { time_unix_nano: now(), count: 6, sum: 12.5, ..Default::default() };
    let quantiles = vec![
        ValueAtQuantile { quantile: 0.0, value: -1.0 },
        ValueAtQuantile { quantile: 0.99, value: f64::NAN },
        ValueAtQuantile::default(),
    ];
    let points = [
        ("plain", SummaryDataPoint { quantile_values: quantiles, ..point() }),
        ("no quantiles", point()),
        ("flags", SummaryDataPoint { flags: 1, ..point() }),
        ("start", SummaryDataPoint { start_time_unix_nano: now() - 60_999_999_999, ..point() }),
        ("attributes of every kind", SummaryDataPoint { attributes: attributes(), ..point() }),
    ];
    let of = |point| Data::Summary(Summary { data_points: vec![point] });
    points.into_iter().map(|(name, point)| (name.to_owned(), of(point))).collect()
}

fn exemplars() -> Vec<Exemplar> {
    vec![
        Exemplar {
            filtered_attributes: attributes(),
            time_unix_nano: now() + 1_999_999_999,
            trace_id: (0..16).collect(),
            span_id: vec![0xab; 8],
            value: Some(exemplar::Value::AsDouble(0.1)),
        },
        Exemplar { value: Some(exemplar::Value::AsInt(7)), ..Default::default() },
        Exemplar {
            filtered_attributes: vec![pair("same", value(Value::IntValue(1))), text("same", "2")],
            time_unix_nano: now(),
            trace_id: vec![0; 16],
            span_id: vec![0; 8],
            value: None,
        },
    ]
}
