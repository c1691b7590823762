//! Points of the five kinds.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use serde_json::{Value as Json, json};
use tests::clickhouse::{ClickHouse, Options};

use super::{gateway, int, merged, post, resource, same_rows, scope, text};

pub const TIME: u64 = 1_790_000_000_999_999_999;
const SECOND: u64 = 1_790_000_000;

fn exemplars() -> Vec<Exemplar> {
    let full = Exemplar {
        filtered_attributes: vec![text("user", "u"), int("id", 3)],
        time_unix_nano: TIME - 5_000_000_000,
        span_id: vec![0xab; 8],
        trace_id: vec![0xcd; 16],
        value: Some(exemplar::Value::AsInt(-7)),
    };
    vec![full, Exemplar { value: Some(exemplar::Value::AsDouble(0.25)), ..Default::default() }]
}

/// A point with exemplars, and a bare one.
pub fn numbers() -> Vec<NumberDataPoint> {
    let full = NumberDataPoint {
        attributes: vec![text("z", "1"), int("a", 2)],
        start_time_unix_nano: TIME - 60_000_000_000,
        time_unix_nano: TIME,
        exemplars: exemplars(),
        flags: 1,
        value: Some(number_data_point::Value::AsInt(42)),
    };
    let value = Some(number_data_point::Value::AsDouble(-0.5));
    vec![full, NumberDataPoint { time_unix_nano: TIME, value, ..Default::default() }]
}

fn histogram() -> HistogramDataPoint {
    HistogramDataPoint {
        attributes: vec![text("z", "1"), int("a", 2)],
        start_time_unix_nano: TIME - 60_000_000_000,
        time_unix_nano: TIME,
        count: 1 << 40,
        sum: Some(99.5),
        bucket_counts: vec![1, 2, u64::from(u32::MAX) + 1],
        explicit_bounds: vec![0.5, 10.0],
        exemplars: exemplars(),
        flags: 1,
        min: Some(-1.0),
        max: None,
    }
}

fn exponential() -> ExponentialHistogramDataPoint {
    ExponentialHistogramDataPoint {
        attributes: vec![text("z", "1"), int("a", 2)],
        start_time_unix_nano: TIME - 60_000_000_000,
        time_unix_nano: TIME,
        count: 9,
        sum: None,
        scale: -3,
        zero_count: 4,
        positive: Some(Buckets { offset: -2, bucket_counts: vec![1, 300] }),
        negative: Some(Buckets { offset: 5, bucket_counts: vec![] }),
        flags: 1,
        exemplars: exemplars(),
        min: None,
        max: Some(8.0),
        zero_threshold: 0.125,
    }
}

fn summary() -> SummaryDataPoint {
    SummaryDataPoint {
        attributes: vec![text("z", "1"), int("a", 2)],
        start_time_unix_nano: TIME - 60_000_000_000,
        time_unix_nano: TIME,
        count: 5,
        sum: 2.5,
        quantile_values: vec![
            ValueAtQuantile { quantile: 0.5, value: 1.0 },
            ValueAtQuantile { quantile: 0.9, value: 3.0 },
        ],
        flags: 1,
    }
}

pub fn metric(name: &str, data: Option<Data>) -> Metric {
    Metric { name: name.into(), description: "what".into(), unit: "ms".into(), data, ..Default::default() }
}

pub fn request(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scope_metrics = vec![ScopeMetrics { scope: scope(), metrics, schema_url: "https://scope".into() }];
    let group = ResourceMetrics { resource: resource(), scope_metrics, schema_url: "https://resource".into() };
    ExportMetricsServiceRequest { resource_metrics: vec![group] }
}

/// A metric of each kind; the one without data is refused alone.
fn all_kinds() -> Vec<Metric> {
    let sum = Sum { data_points: numbers(), aggregation_temporality: 2, is_monotonic: true };
    let histogram = Histogram { data_points: vec![histogram()], aggregation_temporality: 1 };
    let exponential = ExponentialHistogram { data_points: vec![exponential()], aggregation_temporality: 2 };
    vec![
        metric("gauge", Some(Data::Gauge(Gauge { data_points: numbers() }))),
        metric("nothing", None),
        metric("sum", Some(Data::Sum(sum))),
        metric("histogram", Some(Data::Histogram(histogram))),
        metric("exponential", Some(Data::ExponentialHistogram(exponential))),
        metric("summary", Some(Data::Summary(Summary { data_points: vec![summary()] }))),
    ]
}

fn shared(name: &str) -> Json {
    json!({
        "ResourceAttributes": {"k8s.pod.name": "shop-0", "rum.sessionId": "s-1", "service.name": "shop"},
        "ResourceSchemaUrl": "https://resource", "ScopeName": "lib", "ScopeVersion": "1.2",
        "ScopeAttributes": {"scope.key": "s"}, "ScopeDroppedAttrCount": 3, "ScopeSchemaUrl": "https://scope",
        "ServiceName": "shop", "MetricName": name, "MetricDescription": "what", "MetricUnit": "ms",
        "Attributes": {"a": "2", "z": "1"}, "StartTimeUnix": SECOND - 60, "TimeUnix": SECOND, "Flags": 1,
    })
}

fn with_exemplars() -> Json {
    json!({
        "Exemplars.FilteredAttributes": [{"id": "3", "user": "u"}, {}], "Exemplars.TimeUnix": [SECOND - 5, 0],
        "Exemplars.Value": [-7, 0.25], "Exemplars.SpanId": ["abababababababab", "0000000000000000"],
        "Exemplars.TraceId": ["cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", "00000000000000000000000000000000"],
    })
}

fn without_exemplars() -> Json {
    json!({
        "Exemplars.FilteredAttributes": [], "Exemplars.TimeUnix": [], "Exemplars.Value": [], "Exemplars.SpanId": [],
        "Exemplars.TraceId": [],
    })
}

/// The two rows of [`numbers`], with what a table has beside them.
fn number_rows(name: &str, more: &Json) -> Vec<Json> {
    let full = merged(merged(json!({"Value": 42}), &shared(name)), &with_exemplars());
    let bare = merged(
        merged(shared(name), &without_exemplars()),
        &json!({
            "Attributes": {}, "StartTimeUnix": 0, "Flags": 0, "Value": -0.5,
        }),
    );
    [full, bare].into_iter().map(|row| merged(row, more)).collect()
}

fn expected() -> Vec<(&'static str, &'static str, Vec<Json>)> {
    let histogram = json!({
        "Count": 1_u64 << 40, "Sum": 99.5, "Min": -1, "Max": 0, "BucketCounts": [1, 2, 4_294_967_296_u64],
        "ExplicitBounds": [0.5, 10], "AggregationTemporality": 1,
    });
    let exponential = json!({
        "Count": 9, "Sum": 0, "Min": 0, "Max": 8, "Scale": -3, "ZeroCount": 4, "PositiveOffset": -2,
        "PositiveBucketCounts": [1, 300], "NegativeOffset": 5, "NegativeBucketCounts": [], "AggregationTemporality": 2,
    });
    let summary = json!({
        "Count": 5, "Sum": 2.5, "ValueAtQuantiles.Quantile": [0.5, 0.9], "ValueAtQuantiles.Value": [1, 3],
    });
    let of_sum = json!({"AggregationTemporality": 2, "IsMonotonic": true});
    let one = |name, own: &Json| vec![merged(merged(shared(name), &with_exemplars()), own)];
    vec![
        ("gauge", "Exemplars.TimeUnix", number_rows("gauge", &json!({}))),
        ("sum", "Exemplars.TimeUnix", number_rows("sum", &of_sum)),
        ("histogram", "Exemplars.TimeUnix", one("histogram", &histogram)),
        ("exponential_histogram", "Exemplars.TimeUnix", one("exponential", &exponential)),
        ("summary", "", vec![merged(shared("summary"), &summary)]),
    ]
}

#[tokio::test]
async fn every_field_of_a_point_of_every_kind_is_stored_as_the_contract_says() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = gateway(&engine).await;
    let answer = post(&gateway, "metrics", &request(all_kinds())).await;
    // rejected_data_points: 1, in partial_success.
    assert!(answer.windows(2).any(|bytes| bytes == [0x08, 1]), "{answer:?}");
    for (table, times, rows) in expected() {
        let times = if times.is_empty() {
            String::new()
        } else {
            format!(", arrayMap(time -> toUnixTimestamp(time), `{times}`) AS `{times}`")
        };
        let sql = format!(
            "SELECT * REPLACE (toUnixTimestamp(StartTimeUnix) AS StartTimeUnix, toUnixTimestamp(TimeUnix) AS TimeUnix{times}) \
             FROM otel.otel_metrics_{table} ORDER BY Flags DESC"
        );
        same_rows(&engine, &sql, rows).await;
    }
}
