//! OTLP's messages: for each field its name in JSON, its number and what it holds.
//!
//! From <https://github.com/open-telemetry/opentelemetry-proto>, version 1.10. A new field is a line here. A field
//! has one name: the one with underscores is derived from it.

/// The fields of a message.
#[derive(Debug)]
pub(super) struct Message(pub &'static [Field]);

#[derive(Debug)]
pub(super) struct Field {
    /// In lowerCamelCase.
    pub name: &'static str,
    pub number: u32,
    pub rule: Rule,
    pub kind: Kind,
}

/// How often a field may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rule {
    One,
    Many,
    /// As [`Self::Many`]: records, or metrics with records in them. A bad one costs itself alone.
    Records,
}

/// What a field holds: protobuf's types, and how OTLP's JSON writes bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Nested(&'static Message),
    Text,
    /// Bytes in hexadecimal digits: the ids of traces and spans.
    Hex,
    Base64,
    Bool,
    Double,
    Fixed32,
    Fixed64,
    Sfixed64,
    Int32,
    Int64,
    Sint32,
    Uint32,
    Uint64,
    Enum(&'static Enum),
}

/// An enum whose numbers are 0, 1, 2 …
#[derive(Debug)]
pub(super) struct Enum {
    prefix: &'static str,
    names: &'static [&'static str],
}

impl Message {
    /// The place of the field with that name, in lowerCamelCase or with underscores. `near` is where to look first:
    /// fields mostly stand in the order of the table.
    pub(super) fn find(&self, key: &[u8], near: usize) -> Option<usize> {
        let places = (near..self.0.len()).chain(0..near.min(self.0.len()));
        if key.contains(&b'_') {
            return places.into_iter().find(|place| is_camel_of(key, self.0[*place].name.as_bytes()));
        }
        places.into_iter().find(|place| self.0[*place].name.as_bytes() == key)
    }
}

/// Whether `name` is `key` with every `_x` written as `X`.
fn is_camel_of(key: &[u8], name: &[u8]) -> bool {
    let mut name = name.iter();
    let mut is_upper = false;
    for byte in key {
        if *byte == b'_' {
            is_upper = true;
            continue;
        }
        let byte = if is_upper { byte.to_ascii_uppercase() } else { *byte };
        is_upper = false;
        if name.next() != Some(&byte) {
            return false;
        }
    }
    name.next().is_none()
}

impl Enum {
    pub(super) fn number(&self, name: &[u8]) -> Option<i32> {
        let name = name.strip_prefix(self.prefix.as_bytes())?;
        self.names.iter().position(|known| known.as_bytes() == name).and_then(|at| i32::try_from(at).ok())
    }
}

use Kind::{
    Base64, Bool, Double, Enum as Choice, Fixed32, Fixed64, Hex, Int32, Int64, Nested, Sfixed64, Sint32, Text, Uint32,
    Uint64,
};

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, rule: Rule::One, kind }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field { name, number, rule: Rule::Many, kind }
}

const fn records(name: &'static str, number: u32, message: &'static Message) -> Field {
    Field { name, number, rule: Rule::Records, kind: Nested(message) }
}

// requests

pub(super) static LOGS_REQUEST: Message = Message(&[many("resourceLogs", 1, Nested(&RESOURCE_LOGS))]);
pub(super) static TRACES_REQUEST: Message = Message(&[many("resourceSpans", 1, Nested(&RESOURCE_SPANS))]);
pub(super) static METRICS_REQUEST: Message = Message(&[many("resourceMetrics", 1, Nested(&RESOURCE_METRICS))]);

// common and resource

static ANY_VALUE: Message = Message(&[
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Int64),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Nested(&ARRAY_VALUE)),
    one("kvlistValue", 6, Nested(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Base64),
    one("stringValueStrindex", 8, Int32),
]);
static ARRAY_VALUE: Message = Message(&[many("values", 1, Nested(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[many("values", 1, Nested(&KEY_VALUE))]);
static KEY_VALUE: Message =
    Message(&[one("key", 1, Text), one("value", 2, Nested(&ANY_VALUE)), one("keyStrindex", 3, Int32)]);
static SCOPE: Message = Message(&[
    one("name", 1, Text),
    one("version", 2, Text),
    many("attributes", 3, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Uint32),
]);
static ENTITY_REF: Message = Message(&[
    one("schemaUrl", 1, Text),
    one("type", 2, Text),
    many("idKeys", 3, Text),
    many("descriptionKeys", 4, Text),
]);
static RESOURCE: Message = Message(&[
    many("attributes", 1, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 2, Uint32),
    many("entityRefs", 3, Nested(&ENTITY_REF)),
]);

// logs

static RESOURCE_LOGS: Message = Message(&[
    one("resource", 1, Nested(&RESOURCE)),
    many("scopeLogs", 2, Nested(&SCOPE_LOGS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_LOGS: Message =
    Message(&[one("scope", 1, Nested(&SCOPE)), records("logRecords", 2, &LOG_RECORD), one("schemaUrl", 3, Text)]);
static LOG_RECORD: Message = Message(&[
    one("timeUnixNano", 1, Fixed64),
    one("observedTimeUnixNano", 11, Fixed64),
    one("severityNumber", 2, Choice(&SEVERITY_NUMBER)),
    one("severityText", 3, Text),
    one("body", 5, Nested(&ANY_VALUE)),
    many("attributes", 6, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 7, Uint32),
    one("flags", 8, Fixed32),
    one("traceId", 9, Hex),
    one("spanId", 10, Hex),
    one("eventName", 12, Text),
]);
static SEVERITY_NUMBER: Enum = Enum {
    prefix: "SEVERITY_NUMBER_",
    names: &[
        "UNSPECIFIED",
        "TRACE",
        "TRACE2",
        "TRACE3",
        "TRACE4",
        "DEBUG",
        "DEBUG2",
        "DEBUG3",
        "DEBUG4",
        "INFO",
        "INFO2",
        "INFO3",
        "INFO4",
        "WARN",
        "WARN2",
        "WARN3",
        "WARN4",
        "ERROR",
        "ERROR2",
        "ERROR3",
        "ERROR4",
        "FATAL",
        "FATAL2",
        "FATAL3",
        "FATAL4",
    ],
};

// traces

static RESOURCE_SPANS: Message = Message(&[
    one("resource", 1, Nested(&RESOURCE)),
    many("scopeSpans", 2, Nested(&SCOPE_SPANS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_SPANS: Message =
    Message(&[one("scope", 1, Nested(&SCOPE)), records("spans", 2, &SPAN), one("schemaUrl", 3, Text)]);
static SPAN: Message = Message(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    one("parentSpanId", 4, Hex),
    one("flags", 16, Fixed32),
    one("name", 5, Text),
    one("kind", 6, Choice(&SPAN_KIND)),
    one("startTimeUnixNano", 7, Fixed64),
    one("endTimeUnixNano", 8, Fixed64),
    many("attributes", 9, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 10, Uint32),
    many("events", 11, Nested(&EVENT)),
    one("droppedEventsCount", 12, Uint32),
    many("links", 13, Nested(&LINK)),
    one("droppedLinksCount", 14, Uint32),
    one("status", 15, Nested(&STATUS)),
]);
static EVENT: Message = Message(&[
    one("timeUnixNano", 1, Fixed64),
    one("name", 2, Text),
    many("attributes", 3, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 4, Uint32),
]);
static LINK: Message = Message(&[
    one("traceId", 1, Hex),
    one("spanId", 2, Hex),
    one("traceState", 3, Text),
    many("attributes", 4, Nested(&KEY_VALUE)),
    one("droppedAttributesCount", 5, Uint32),
    one("flags", 6, Fixed32),
]);
static STATUS: Message = Message(&[one("message", 2, Text), one("code", 3, Choice(&STATUS_CODE))]);
static SPAN_KIND: Enum =
    Enum { prefix: "SPAN_KIND_", names: &["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] };
static STATUS_CODE: Enum = Enum { prefix: "STATUS_CODE_", names: &["UNSET", "OK", "ERROR"] };

// metrics

static RESOURCE_METRICS: Message = Message(&[
    one("resource", 1, Nested(&RESOURCE)),
    many("scopeMetrics", 2, Nested(&SCOPE_METRICS)),
    one("schemaUrl", 3, Text),
]);
static SCOPE_METRICS: Message =
    Message(&[one("scope", 1, Nested(&SCOPE)), records("metrics", 2, &METRIC), one("schemaUrl", 3, Text)]);
static METRIC: Message = Message(&[
    one("name", 1, Text),
    one("description", 2, Text),
    one("unit", 3, Text),
    one("gauge", 5, Nested(&GAUGE)),
    one("sum", 7, Nested(&SUM)),
    one("histogram", 9, Nested(&HISTOGRAM)),
    one("exponentialHistogram", 10, Nested(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Nested(&SUMMARY)),
    many("metadata", 12, Nested(&KEY_VALUE)),
]);
static GAUGE: Message = Message(&[records("dataPoints", 1, &NUMBER_POINT)]);
static SUM: Message = Message(&[
    records("dataPoints", 1, &NUMBER_POINT),
    one("aggregationTemporality", 2, Choice(&TEMPORALITY)),
    one("isMonotonic", 3, Bool),
]);
static HISTOGRAM: Message =
    Message(&[records("dataPoints", 1, &HISTOGRAM_POINT), one("aggregationTemporality", 2, Choice(&TEMPORALITY))]);
static EXPONENTIAL_HISTOGRAM: Message =
    Message(&[records("dataPoints", 1, &EXPONENTIAL_POINT), one("aggregationTemporality", 2, Choice(&TEMPORALITY))]);
static SUMMARY: Message = Message(&[records("dataPoints", 1, &SUMMARY_POINT)]);
static TEMPORALITY: Enum = Enum { prefix: "AGGREGATION_TEMPORALITY_", names: &["UNSPECIFIED", "DELTA", "CUMULATIVE"] };
static NUMBER_POINT: Message = Message(&[
    many("attributes", 7, Nested(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("asDouble", 4, Double),
    one("asInt", 6, Sfixed64),
    many("exemplars", 5, Nested(&EXEMPLAR)),
    one("flags", 8, Uint32),
]);
static HISTOGRAM_POINT: Message = Message(&[
    many("attributes", 9, Nested(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("bucketCounts", 6, Fixed64),
    many("explicitBounds", 7, Double),
    many("exemplars", 8, Nested(&EXEMPLAR)),
    one("flags", 10, Uint32),
    one("min", 11, Double),
    one("max", 12, Double),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    many("attributes", 1, Nested(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    one("scale", 6, Sint32),
    one("zeroCount", 7, Fixed64),
    one("positive", 8, Nested(&BUCKETS)),
    one("negative", 9, Nested(&BUCKETS)),
    one("flags", 10, Uint32),
    many("exemplars", 11, Nested(&EXEMPLAR)),
    one("min", 12, Double),
    one("max", 13, Double),
    one("zeroThreshold", 14, Double),
]);
static BUCKETS: Message = Message(&[one("offset", 1, Sint32), many("bucketCounts", 2, Uint64)]);
static SUMMARY_POINT: Message = Message(&[
    many("attributes", 7, Nested(&KEY_VALUE)),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("quantileValues", 6, Nested(&QUANTILE)),
    one("flags", 8, Uint32),
]);
static QUANTILE: Message = Message(&[one("quantile", 1, Double), one("value", 2, Double)]);
static EXEMPLAR: Message = Message(&[
    many("filteredAttributes", 7, Nested(&KEY_VALUE)),
    one("timeUnixNano", 2, Fixed64),
    one("asDouble", 3, Double),
    one("asInt", 6, Sfixed64),
    one("spanId", 4, Hex),
    one("traceId", 5, Hex),
]);
