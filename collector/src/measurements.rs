//! What this process measures, as OTLP.
//!
//! Comes in: the attributes of a resource, and metrics of it. Goes out: an `ExportMetricsServiceRequest`. Resource by
//! resource is encoded and forgotten, so a request of a large node costs its bytes and no more. Must not know what is
//! measured, nor read a clock.

use std::borrow::Cow;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{
        AggregationTemporality, Gauge, Metric as Message, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, metric,
        number_data_point,
    },
    resource::v1::Resource,
};
use prost::Message as _;

/// One metric of one resource. Without a point it is left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: Cow<'static, str>,
    /// In the words of UCUM, as `By` or `{cpu}`.
    pub unit: &'static str,
    pub kind: Kind,
    pub points: Vec<Point>,
}

/// What a value means beside the one before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It stands alone: a Gauge.
    Gauge,
    /// An amount that may fall, and whose sum over all points means something: a Sum.
    Amount,
    /// What has come together since its start, and never falls: a monotonic, cumulative Sum.
    Count,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub attributes: Vec<(&'static str, Cow<'static, str>)>,
    /// Since when a [`Kind::Count`] counts, in nanoseconds since the Unix epoch; 0 where nobody knows.
    pub since: u64,
    pub value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Integer(i64),
    Number(f64),
}

/// A request that grows.
#[derive(Debug)]
pub struct Request {
    /// Who measures: the name of the scope.
    scope: &'static str,
    /// When, in nanoseconds since the Unix epoch.
    time: u64,
    body: Vec<u8>,
    points: u64,
}

impl Metric {
    pub fn new(name: impl Into<Cow<'static, str>>, unit: &'static str, kind: Kind) -> Self {
        Self { name: name.into(), unit, kind, points: Vec::new() }
    }

    /// With one point more.
    #[must_use]
    pub fn with(mut self, point: Point) -> Self {
        self.points.push(point);
        self
    }
}

impl Point {
    pub fn new(value: impl Into<Value>) -> Self {
        Self { attributes: Vec::new(), since: 0, value: value.into() }
    }

    #[must_use]
    pub fn since(self, since: u64) -> Self {
        Self { since, ..self }
    }

    #[must_use]
    pub fn of(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }
}

impl From<u64> for Value {
    /// What a kernel counts in 64 bits wraps there; what OTLP says has 63 of them.
    fn from(value: u64) -> Self {
        Self::Integer(value as i64 & i64::MAX)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl Request {
    pub const fn new(scope: &'static str, time: u64) -> Self {
        Self { scope, time, body: Vec::new(), points: 0 }
    }

    /// Points so far.
    pub const fn points(&self) -> u64 {
        self.points
    }

    /// Bytes so far.
    pub const fn size(&self) -> usize {
        self.body.len()
    }

    pub fn add<N, V>(&mut self, resource: impl IntoIterator<Item = (N, V)>, metrics: impl IntoIterator<Item = Metric>)
    where
        N: Into<String>,
        V: Into<String>,
    {
        let metrics = metrics.into_iter().filter(|metric| !metric.points.is_empty());
        let metrics: Vec<_> = metrics
            .map(|metric| {
                self.points += metric.points.len() as u64;
                message(metric, self.time)
            })
            .collect();
        if metrics.is_empty() {
            return;
        }
        let attributes = resource.into_iter().map(|(name, value)| attribute(name.into(), value.into())).collect();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let scope = InstrumentationScope { name: self.scope.to_owned(), version, ..InstrumentationScope::default() };
        let of_resource = ResourceMetrics {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        };
        // Requests one after another are one request with the resources of all.
        let alone = ExportMetricsServiceRequest { resource_metrics: vec![of_resource] };
        self.body.extend_from_slice(&alone.encode_to_vec());
    }

    pub fn finish(self) -> Bytes {
        self.body.into()
    }
}

fn message(metric: Metric, time: u64) -> Message {
    let Metric { name, unit, kind, points } = metric;
    let data_points = points.into_iter().map(|point| data_point(point, time)).collect();
    let data = match kind {
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points }),
        Kind::Amount | Kind::Count => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: kind == Kind::Count,
        }),
    };
    Message { name: name.into_owned(), unit: unit.to_owned(), data: Some(data), ..Message::default() }
}

fn data_point(point: Point, time: u64) -> NumberDataPoint {
    let attributes = point.attributes.into_iter().map(|(name, value)| attribute(name.to_owned(), value.into_owned()));
    NumberDataPoint {
        attributes: attributes.collect(),
        start_time_unix_nano: point.since,
        time_unix_nano: time,
        value: Some(match point.value {
            Value::Integer(value) => number_data_point::Value::AsInt(value),
            Value::Number(value) => number_data_point::Value::AsDouble(value),
        }),
        ..NumberDataPoint::default()
    }
}

fn attribute(key: String, value: String) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value)) };
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

#[cfg(test)]
mod tests;
