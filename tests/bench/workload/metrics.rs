//! Data points of the five kinds: ten of each metric, told apart by four attributes.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, number_data_point,
};
use prost::Message;

use super::shared::{METHODS, ROUTES, STATUSES, groups, int, resource, scope, text};
use super::{Dice, ROW_NANOS, SECOND};
use crate::cases::Signal;

const POINTS_A_METRIC: usize = 10;
const CUMULATIVE: i32 = 2;
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
const QUANTILES: [f64; 5] = [0.0, 0.5, 0.9, 0.99, 1.0];
const NAMES: [&str; 8] = [
    "http.server.active_requests",
    "http.server.request.duration",
    "db.client.connection.count",
    "jvm.memory.used",
    "process.cpu.time",
    "queue.messages.waiting",
    "cache.requests",
    "shop.orders.value",
];

pub fn message(signal: Signal, dice: &mut Dice, nanos: u64, records: usize) -> Vec<u8> {
    let mut nanos = nanos;
    let shift = dice.below(20) as usize;
    let of_resource = |(group, count): (usize, usize)| {
        let metrics = (0..count.div_ceil(POINTS_A_METRIC)).map(|number| {
            let points = POINTS_A_METRIC.min(count - number * POINTS_A_METRIC);
            let first = nanos;
            nanos += points as u64 * ROW_NANOS;
            metric(signal, dice, number, first, points)
        });
        let scope_metrics = ScopeMetrics { metrics: metrics.collect(), scope: scope(group), ..Default::default() };
        let resource = resource((group + shift) % super::shared::RESOURCES);
        ResourceMetrics { resource, scope_metrics: vec![scope_metrics], ..Default::default() }
    };
    let resource_metrics = groups(records).map(of_resource).collect();
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec()
}

fn metric(signal: Signal, dice: &mut Dice, number: usize, nanos: u64, points: usize) -> Metric {
    let mut times = (0..points as u64).map(|point| nanos + point * ROW_NANOS);
    let data = match signal {
        Signal::Sum => Data::Sum(Sum {
            data_points: times.map(|time| number_point(dice, time)).collect(),
            aggregation_temporality: CUMULATIVE,
            is_monotonic: true,
        }),
        Signal::Histogram => Data::Histogram(Histogram {
            data_points: times.map(|time| histogram_point(dice, time)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        Signal::ExponentialHistogram => Data::ExponentialHistogram(ExponentialHistogram {
            data_points: times.map(|time| exponential_point(dice, time)).collect(),
            aggregation_temporality: CUMULATIVE,
        }),
        Signal::Summary => {
            Data::Summary(Summary { data_points: times.map(|time| summary_point(dice, time)).collect() })
        }
        _ => Data::Gauge(Gauge { data_points: times.by_ref().map(|time| number_point(dice, time)).collect() }),
    };
    Metric {
        name: NAMES[number % NAMES.len()].into(),
        description: "What the shop does, told by one of its parts.".into(),
        unit: "s".into(),
        data: Some(data),
        ..Default::default()
    }
}

fn attributes(dice: &mut Dice) -> Vec<KeyValue> {
    vec![
        text("http.request.method", dice.pick(&METHODS)),
        text("http.route", dice.pick(&ROUTES)),
        int("http.response.status_code", dice.pick(&STATUSES)),
        text("server.address", format!("shop-{}.example.com", dice.below(40))),
    ]
}

fn number_point(dice: &mut Dice, time: u64) -> NumberDataPoint {
    let value = if dice.once_in(2) {
        number_data_point::Value::AsInt(dice.below(100_000) as i64)
    } else {
        number_data_point::Value::AsDouble(dice.below(1_000_000) as f64 / 1_000.0)
    };
    NumberDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: time - 60 * SECOND,
        time_unix_nano: time,
        value: Some(value),
        exemplars: exemplars(dice, time),
        ..Default::default()
    }
}

fn histogram_point(dice: &mut Dice, time: u64) -> HistogramDataPoint {
    let bucket_counts: Vec<u64> = (0..=BOUNDS.len()).map(|_| dice.below(200)).collect();
    HistogramDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: time - 60 * SECOND,
        time_unix_nano: time,
        count: bucket_counts.iter().sum(),
        sum: Some(dice.below(900_000) as f64 / 1_000.0),
        bucket_counts,
        explicit_bounds: BOUNDS.to_vec(),
        exemplars: exemplars(dice, time),
        min: Some(0.001),
        max: Some(dice.below(12_000) as f64 / 1_000.0),
        ..Default::default()
    }
}

fn exponential_point(dice: &mut Dice, time: u64) -> ExponentialHistogramDataPoint {
    let bucket_counts: Vec<u64> = (0..24).map(|_| dice.below(200)).collect();
    ExponentialHistogramDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: time - 60 * SECOND,
        time_unix_nano: time,
        count: bucket_counts.iter().sum::<u64>() + 1,
        sum: Some(dice.below(900_000) as f64 / 1_000.0),
        scale: 3,
        zero_count: 1,
        positive: Some(Buckets { offset: -40 + dice.below(20) as i32, bucket_counts }),
        exemplars: exemplars(dice, time),
        min: Some(0.0),
        max: Some(dice.below(12_000) as f64 / 1_000.0),
        ..Default::default()
    }
}

fn summary_point(dice: &mut Dice, time: u64) -> SummaryDataPoint {
    let value = |dice: &mut Dice, quantile| ValueAtQuantile { quantile, value: dice.below(9_000) as f64 / 1_000.0 };
    SummaryDataPoint {
        attributes: attributes(dice),
        start_time_unix_nano: time - 60 * SECOND,
        time_unix_nano: time,
        count: dice.below(100_000),
        sum: dice.below(900_000) as f64 / 1_000.0,
        quantile_values: QUANTILES.map(|quantile| value(dice, quantile)).to_vec(),
        ..Default::default()
    }
}

/// One in ten points has one.
fn exemplars(dice: &mut Dice, time: u64) -> Vec<Exemplar> {
    if !dice.once_in(10) {
        return Vec::new();
    }
    vec![Exemplar {
        filtered_attributes: vec![text("enduser.id", format!("user-{}", dice.below(50_000)))],
        time_unix_nano: time,
        span_id: dice.span_id(),
        trace_id: dice.trace_id(),
        value: Some(exemplar::Value::AsDouble(dice.below(9_000) as f64 / 1_000.0)),
    }]
}
