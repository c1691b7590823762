//! Where the official decoder and ours differ on purpose: an array or a map that stands twice in one value.
//!
//! Protobuf puts their elements together; the collector that ours replaces keeps the last one, and so do we: a value
//! is a slice of the request. Comes in: a message. Goes out: whether it has such a value.

use collector::{record::wire::Fields, signal::Signal};

/// Messages on the way to a value.
#[derive(Clone, Copy)]
enum At {
    LogsRequest,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    TracesRequest,
    ResourceSpans,
    ScopeSpans,
    Span,
    MetricsRequest,
    ResourceMetrics,
    ScopeMetrics,
    Metric,
    Numbers,
    Histogram,
    Exponential,
    Summary,
    NumberPoint,
    HistogramPoint,
    ExponentialPoint,
    SummaryPoint,
    Resource,
    Scope,
    EventOrExemplar,
    Link,
    KeyValue,
    Value,
    Array,
    Map,
}

pub fn has_list_twice(signal: Signal, message: &[u8]) -> bool {
    let request = match signal {
        Signal::Logs => At::LogsRequest,
        Signal::Traces => At::TracesRequest,
        Signal::Metrics => At::MetricsRequest,
    };
    below(request, message)
}

fn below(at: At, message: &[u8]) -> bool {
    let mut fields = Fields::of(message);
    let mut lists = 0;
    while let Ok(Some((number, value))) = fields.next_field() {
        let (Some(next), Ok(inner)) = (step(at, number), value.bytes(number)) else { continue };
        // The same value in several pieces is merged too.
        if matches!(next, At::Value) && !matches!(at, At::Array) {
            lists += self::lists(inner);
        }
        if lists > 1 || matches!(at, At::Value) && self::lists(message) > 1 || below(next, inner) {
            return true;
        }
    }
    false
}

/// Arrays and maps in a value, not counting those in them.
fn lists(value: &[u8]) -> usize {
    let mut fields = Fields::of(value);
    std::iter::from_fn(|| fields.next_field().ok().flatten()).filter(|(number, _)| matches!(number, 5 | 6)).count()
}

fn step(at: At, field: u32) -> Option<At> {
    Some(match (at, field) {
        (At::LogsRequest, 1) => At::ResourceLogs,
        (At::TracesRequest, 1) => At::ResourceSpans,
        (At::MetricsRequest, 1) => At::ResourceMetrics,
        (At::ResourceLogs | At::ResourceSpans | At::ResourceMetrics, 1) => At::Resource,
        (At::ResourceLogs, 2) => At::ScopeLogs,
        (At::ResourceSpans, 2) => At::ScopeSpans,
        (At::ResourceMetrics, 2) => At::ScopeMetrics,
        (At::ScopeLogs | At::ScopeSpans | At::ScopeMetrics, 1) => At::Scope,
        (At::ScopeLogs, 2) => At::LogRecord,
        (At::ScopeSpans, 2) => At::Span,
        (At::ScopeMetrics, 2) => At::Metric,
        (At::LogRecord, 5) | (At::KeyValue, 2) | (At::Array, 1) => At::Value,
        (At::Span, 11) => At::EventOrExemplar,
        (At::Span, 13) => At::Link,
        (At::Metric, 5 | 7) => At::Numbers,
        (At::Metric, 9) => At::Histogram,
        (At::Metric, 10) => At::Exponential,
        (At::Metric, 11) => At::Summary,
        (At::Numbers, 1) => At::NumberPoint,
        (At::Histogram, 1) => At::HistogramPoint,
        (At::Exponential, 1) => At::ExponentialPoint,
        (At::Summary, 1) => At::SummaryPoint,
        (At::NumberPoint, 5) | (At::HistogramPoint, 8) | (At::ExponentialPoint, 11) => At::EventOrExemplar,
        (At::Value, 5) => At::Array,
        (At::Value, 6) => At::Map,
        (At::LogRecord, 6)
        | (At::Resource | At::ExponentialPoint | At::Map, 1)
        | (At::Scope, 3)
        | (At::Span | At::HistogramPoint, 9)
        | (At::EventOrExemplar, 3 | 7)
        | (At::Link, 4)
        | (At::NumberPoint | At::SummaryPoint, 7) => At::KeyValue,
        _ => return None,
    })
}
