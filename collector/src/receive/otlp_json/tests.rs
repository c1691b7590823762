//! The transcoder against the official messages, which write their own JSON, and requests as senders write them.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, any_value::Value as V},
    metrics::v1::{metric::Data, number_data_point::Value as Point},
};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::assemble::check;

mod generate;

const NO_LIMIT: usize = usize::MAX;

fn logs(json: &Value) -> ExportLogsServiceRequest {
    ExportLogsServiceRequest::decode(&to_protobuf(Signal::Logs, json.to_string().as_bytes(), NO_LIMIT).unwrap()[..])
        .unwrap()
}

fn metrics(json: &Value) -> ExportMetricsServiceRequest {
    let bytes = to_protobuf(Signal::Metrics, json.to_string().as_bytes(), NO_LIMIT).unwrap();
    ExportMetricsServiceRequest::decode(&bytes[..]).unwrap()
}

fn traces(json: &Value) -> ExportTraceServiceRequest {
    let bytes = to_protobuf(Signal::Traces, json.to_string().as_bytes(), NO_LIMIT).unwrap();
    ExportTraceServiceRequest::decode(&bytes[..]).unwrap()
}

fn error(signal: Signal, json: &str) -> String {
    to_protobuf(signal, json.as_bytes(), NO_LIMIT).unwrap_err().to_string()
}

/// One log whose body is that value.
fn body(value: &Value) -> Option<V> {
    let request = logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": value}]}]}]}));
    request.resource_logs[0].scope_logs[0].log_records[0].body.clone().unwrap().value
}

/// The same request in another form that is allowed: names with underscores, integers without quotes, ids in capitals,
/// fields nobody knows.
fn rewritten(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut other: serde_json::Map<_, _> =
                object.iter().map(|(name, value)| (snake(name), rewritten_field(name, value))).collect();
            other.insert("aField nobodyKnows".into(), json!({"deep": [[{"values": null}], "\u{e9}", 1e300]}));
            other.into()
        }
        Value::Array(array) => array.iter().map(rewritten).collect(),
        other => other.clone(),
    }
}

fn rewritten_field(name: &str, value: &Value) -> Value {
    match value.as_str() {
        Some(text) if name.ends_with("Id") => text.to_uppercase().into(),
        Some(text) if name.ends_with("Nano") || name == "asInt" || name == "intValue" || name.ends_with("ount") => {
            serde_json::from_str(text).unwrap()
        }
        Some(text) if name == "bytesValue" => text.replace('+', "-").replace('/', "_").trim_end_matches('=').into(),
        _ => rewritten(value),
    }
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

proptest! {
    // A request is large, and its JSON is read twice.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn logs_in_json_are_the_logs_in_protobuf(request in generate::logs()) {
        let json = serde_json::to_value(&request).unwrap();
        prop_assert_eq!(&logs(&json), &request);
        prop_assert_eq!(&logs(&rewritten(&json)), &request);
    }

    #[test]
    fn traces_in_json_are_the_traces_in_protobuf(request in generate::traces()) {
        let json = serde_json::to_value(&request).unwrap();
        prop_assert_eq!(&traces(&json), &request);
        prop_assert_eq!(&traces(&rewritten(&json)), &request);
    }

    #[test]
    fn metrics_in_json_are_the_metrics_in_protobuf(request in generate::metrics()) {
        let json = serde_json::to_value(&request).unwrap();
        prop_assert_eq!(&metrics(&json), &request);
        prop_assert_eq!(&metrics(&rewritten(&json)), &request);
    }

    #[test]
    fn a_damaged_request_is_refused_or_read_but_for_its_bad_records(
        request in generate::metrics(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut json = serde_json::to_vec(&request).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(bytes) = to_protobuf(Signal::Metrics, &json, NO_LIMIT) {
            let rejected = check(Signal::Metrics, &bytes).unwrap().rejected;
            prop_assert!(rejected > 0 || ExportMetricsServiceRequest::decode(&bytes[..]).is_ok());
        }
    }
}

#[test]
fn a_request_of_the_javascript_sdk_is_read() {
    let request = traces(&serde_json::from_str(include_str!("tests/javascript_trace.json")).unwrap());
    let group = &request.resource_spans[0];
    assert_eq!(group.resource.as_ref().unwrap().attributes[0].key, "service.name");
    let span = &group.scope_spans[0].spans[0];
    assert_eq!(span.trace_id, b"\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c");
    assert_eq!(
        (span.kind, span.start_time_unix_nano, span.end_time_unix_nano),
        (3, 1_732_459_175_123_000_000, 1_732_459_175_248_500_000)
    );
    assert_eq!(span.attributes[1].value, Some(AnyValue { value: Some(V::IntValue(200)) }));
    assert_eq!(span.attributes[2].value, Some(AnyValue { value: Some(V::DoubleValue(12.5)) }));
    assert_eq!((span.events[0].name.as_str(), span.links[0].span_id.len()), ("exception", 8));
    assert_eq!((span.parent_span_id.len(), span.status.as_ref().unwrap().code), (0, 2));
}

#[test]
fn the_metrics_of_the_specifications_example_are_read() {
    let request = metrics(&serde_json::from_str(include_str!("tests/specification_metrics.json")).unwrap());
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let Some(Data::Sum(sum)) = &metrics[0].data else { panic!("a sum") };
    assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true));
    assert_eq!(sum.data_points[0].value, Some(Point::AsDouble(5.0)));
    let Some(Data::Gauge(gauge)) = &metrics[1].data else { panic!("a gauge") };
    assert_eq!(gauge.data_points[0].value, Some(Point::AsInt(10)));
    let Some(Data::Histogram(histogram)) = &metrics[2].data else { panic!("a histogram") };
    let point = &histogram.data_points[0];
    assert_eq!((&point.bucket_counts, &point.explicit_bounds), (&vec![1, 1], &vec![1.0]));
    assert_eq!((point.count, point.sum, point.min, point.max), (2, Some(2.0), Some(0.0), Some(2.0)));
    let Some(Data::ExponentialHistogram(exponential)) = &metrics[3].data else { panic!("an exponential histogram") };
    let point = &exponential.data_points[0];
    assert_eq!((point.scale, point.zero_count, point.positive.as_ref().unwrap().offset), (-1, 1, -1));
    let Some(Data::Summary(summary)) = &metrics[4].data else { panic!("a summary") };
    assert!(summary.data_points[0].quantile_values[1].value.is_nan());
}

#[test]
fn enums_are_numbers_or_names() {
    let record = |severity: Value| {
        let request = logs(&json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": severity}]}]}]}));
        request.resource_logs[0].scope_logs[0].log_records[0].severity_number
    };
    assert_eq!(
        [record(json!(17)), record(json!("17")), record(json!("SEVERITY_NUMBER_ERROR")), record(json!(99))],
        [17, 17, 17, 99]
    );
    assert_eq!(record(json!("SEVERITY_NUMBER_FATAL4")), 24);
    assert_eq!(
        counted(Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":"ERROR"}]}]}]}"#),
        (0, 1)
    );
}

#[test]
fn every_name_of_an_enum_has_its_number() {
    use opentelemetry_proto::tonic::{
        logs::v1::SeverityNumber, metrics::v1::AggregationTemporality, trace::v1::span::SpanKind,
        trace::v1::status::StatusCode,
    };
    let kind = |message: &'static Message, name: &str| match message.0[message.find(name.as_bytes(), 0).unwrap()].kind {
        Kind::Nested(nested) => nested,
        other => panic!("{name} is {other:?}"),
    };
    let choice = |message: &'static Message, path: &[&str], last: &str, name: &str| {
        let message = path.iter().fold(message, |message, step| kind(message, step));
        match message.0[message.find(last.as_bytes(), 0).unwrap()].kind {
            Kind::Enum(names) => names.number(name.as_bytes()),
            other => panic!("{last} is {other:?}"),
        }
    };
    for number in 0..30 {
        let name = SeverityNumber::try_from(number).map_or("", |number| number.as_str_name());
        let found = choice(&LOGS_REQUEST, &["resourceLogs", "scopeLogs", "logRecords"], "severityNumber", name);
        assert_eq!(found, (!name.is_empty()).then_some(number));
        let spans = ["resourceSpans", "scopeSpans", "spans"];
        let name = SpanKind::try_from(number).map_or("", |number| number.as_str_name());
        assert_eq!(choice(&TRACES_REQUEST, &spans, "kind", name), (!name.is_empty()).then_some(number));
        let name = StatusCode::try_from(number).map_or("", |number| number.as_str_name());
        let status = ["resourceSpans", "scopeSpans", "spans", "status"];
        assert_eq!(choice(&TRACES_REQUEST, &status, "code", name), (!name.is_empty()).then_some(number));
        let name = AggregationTemporality::try_from(number).map_or("", |number| number.as_str_name());
        let sum = ["resourceMetrics", "scopeMetrics", "metrics", "sum"];
        assert_eq!(
            choice(&METRICS_REQUEST, &sum, "aggregationTemporality", name),
            (!name.is_empty()).then_some(number)
        );
    }
}

#[test]
fn of_a_value_the_last_kind_counts_and_null_is_none() {
    assert_eq!(body(&json!({})), None);
    assert_eq!(body(&json!({"unknownValue": {"a": [1]}})), None);
    assert_eq!(body(&json!({"intValue": null})), None);
    assert_eq!(body(&json!({"intValue": "9007199254740993"})), Some(V::IntValue(9_007_199_254_740_993)));
    assert_eq!(body(&json!({"doubleValue": "-Infinity"})), Some(V::DoubleValue(f64::NEG_INFINITY)));
    assert_eq!(body(&json!({"bytesValue": "3q2-7w"})), Some(V::BytesValue(vec![0xde, 0xad, 0xbe, 0xef])));
    let twice = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"intValue":1,"stringValue":"a","stringValue":"b"}}]}]}]}"#;
    let request = ExportLogsServiceRequest::decode(&to_protobuf(Signal::Logs, twice.as_bytes(), NO_LIMIT).unwrap()[..]);
    let body = request.unwrap().resource_logs[0].scope_logs[0].log_records[0].body.clone();
    assert_eq!(body.unwrap().value, Some(V::StringValue("b".into())));
}

#[test]
fn what_stands_twice_means_what_it_means_in_protobuf() {
    let json = r#"{"resourceLogs":[{"schemaUrl":"a"}],"resource_logs":[{"schemaUrl":"b","schemaUrl":"c"},null],"resourceLogs":null}"#;
    let bytes = to_protobuf(Signal::Logs, json.as_bytes(), NO_LIMIT).unwrap();
    let request = ExportLogsServiceRequest::decode(&bytes[..]).unwrap();
    let urls: Vec<_> = request.resource_logs.iter().map(|group| group.schema_url.as_str()).collect();
    assert_eq!(urls, ["a", "c", ""]);
}

#[test]
fn an_empty_request_is_a_request() {
    for json in ["", "{}", " {\"resourceLogs\": []} ", "{\"resourceLogs\":null}", "{\"more\":1}"] {
        assert_eq!(to_protobuf(Signal::Logs, json.as_bytes(), 0), Ok(Vec::new()), "{json}");
    }
}

#[test]
fn an_error_names_the_place_and_never_the_value() {
    for (json, told) in [
        (" ", "the request: expected a value at byte 1"),
        ("[]", "the request: expected an object"),
        ("{} {}", "the request: expected nothing more at byte 3"),
        (r#"{"resourceLogs":{}}"#, "resourceLogs: expected an array"),
        (r#"{"resourceLogs":[{},7]}"#, "resourceLogs[1]: expected an object"),
        (r#"{"resourceLogs":[{"schemaUrl":"secret"#, "resourceLogs[0].schemaUrl: a string has no end, from byte 30"),
        (
            r#"{"resource_logs":[{"resource":{"attributes":[{"key":7}]}}]}"#,
            "resourceLogs[0].resource.attributes[0].key: expected a string",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{},{"logRecords":7}]}]}"#,
            "resourceLogs[0].scopeLogs[1].logRecords: expected an array",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{"traceId":"secret","body":}]}]}]}"#,
            "resourceLogs[0].scopeLogs[0].logRecords[1]: expected a value at byte 76",
        ),
        (
            r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"secret"#,
            "resourceLogs[0].scopeLogs[0].logRecords[0].body.stringValue: a string has no end, from byte 69",
        ),
    ] {
        assert_eq!(error(Signal::Logs, json), told);
    }
}

/// Records the line takes of it, and records it rejects.
fn counted(signal: Signal, json: &str) -> (u64, u64) {
    let checked = check(signal, &to_protobuf(signal, json.as_bytes(), NO_LIMIT).unwrap()).unwrap();
    (checked.records, checked.rejected)
}

#[test]
fn a_record_with_a_bad_value_costs_itself_alone() {
    let long = "x".repeat(300);
    let good = format!(r#"{{"name":"good","attributes":[{{"key":"k","value":{{"stringValue":"{long}"}}}}]}}"#);
    for bad in [
        r#""traceId":"no hex""#,
        r#""traceId":7"#,
        r#""spanId":"abc""#,
        r#""kind":"SERVER""#,
        r#""startTimeUnixNano":"-5""#,
        r#""startTimeUnixNano":18446744073709551616"#,
        r#""droppedLinksCount":1.5"#,
        r#""name":{"text":"a"}"#,
        r#""attributes":{"key":"value"}"#,
        r#""attributes":[{"key":"a","value":{"boolValue":"yes"}}]"#,
        r#""attributes":[{"key":"a","value":{"arrayValue":{"values":[{"bytesValue":"*"}]}}}]"#,
        r#""events":[{"timeUnixNano":1},7]"#,
        r#""status":"ok""#,
    ] {
        // What is written of it before and what would come behind leave no trace.
        let bad = format!(r#"{{"links":[{{"traceState":"{long}"}}],{bad},"traceState":"{long}"}}"#);
        let spans = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{good},{bad},7,{good}]}}]}}]}}"#);
        assert_eq!(counted(Signal::Traces, &spans), (2, 2), "{bad}");
        let without = spans.replace(&format!(",{bad},7"), "");
        let (mixed, pure) = (spans.as_bytes(), without.as_bytes());
        let read = |json| to_protobuf(Signal::Traces, json, NO_LIMIT).unwrap();
        // Two of three bytes each, in lists whose lengths have their own.
        assert_eq!(read(mixed).len(), read(pure).len() + 2 * 3, "{bad}");
    }
}

#[test]
fn of_a_metric_a_bad_point_costs_itself_and_a_bad_name_the_metric() {
    let metrics = |metric: &str| {
        let json = format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{metric},{{"gauge":{{"dataPoints":[{{"asInt":1}}]}}}}]}}]}}]}}"#
        );
        counted(Signal::Metrics, &json)
    };
    for (kind, bad) in [
        ("gauge", r#"{"asDouble":"1,5"}"#),
        ("sum", r#"{"asInt":"9223372036854775808"}"#),
        ("histogram", r#"{"bucketCounts":[1,-1]}"#),
        ("exponentialHistogram", r#"{"scale":4294967296}"#),
        ("summary", r#"{"quantileValues":[{"quantile":"half"}]}"#),
    ] {
        assert_eq!(
            metrics(&format!(r#"{{"{kind}":{{"dataPoints":[{{}},{bad},{{}}]}},"name":"a"}}"#)),
            (3, 1),
            "{kind}"
        );
    }
    assert_eq!(metrics(r#"{"gauge":{"dataPoints":[{},{}]},"name":7}"#), (1, 1));
    assert_eq!(metrics(r#"{"gauge":{"dataPoints":7}}"#), (1, 1));
}

#[test]
fn a_resource_with_a_bad_value_is_a_request_with_one() {
    let json = r#"{"resourceLogs":[{"resource":{"attributes":7},"scopeLogs":[{"logRecords":[{}]}]}]}"#;
    assert_eq!(error(Signal::Logs, json), "resourceLogs[0].resource.attributes: expected an array");
}

/// A body of so many arrays inside each other, or of lists of keys.
fn deep(depth: usize, is_list: bool) -> String {
    let (open, close) = if is_list {
        (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}")
    } else {
        (r#"{"arrayValue":{"values":["#, "]}}")
    };
    let value = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
    format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{{"key":"k","value":{value}}}]}}]}}]}}]}}"#
    )
}

/// Whether the line takes it: the transcoder, and then the decoder.
fn is_taken(json: &str) -> bool {
    let request = to_protobuf(Signal::Logs, json.as_bytes(), NO_LIMIT);
    request.is_ok_and(|request| check(Signal::Logs, &request).is_ok_and(|checked| checked.rejected == 0))
}

#[test]
fn values_may_be_as_deep_as_in_protobuf_and_no_deeper() {
    for is_list in [false, true] {
        assert!(is_taken(&deep(48, is_list)));
        assert!(!is_taken(&deep(49, is_list)));
        assert!(!is_taken(&deep(100_000, is_list)));
    }
    let unknown = format!("{{\"x\":{}", "[".repeat(1_000_000));
    assert!(error(Signal::Logs, &unknown).contains("nested too deeply"));
}

#[test]
fn a_request_is_no_larger_than_the_limit() {
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"bucketCounts":[0,1,2,3]}]}}]}]}]}"#;
    let whole = to_protobuf(Signal::Metrics, json.as_bytes(), NO_LIMIT).unwrap();
    assert_eq!(to_protobuf(Signal::Metrics, json.as_bytes(), whole.len()), Ok(whole.clone()));
    for limit in [0, 1, 10, whole.len() - 1] {
        assert_eq!(to_protobuf(Signal::Metrics, json.as_bytes(), limit), Err(JsonError::TooLarge(limit)));
    }
    let text = format!(r#"{{"resourceLogs":[{{"schemaUrl":"{}"}}]}}"#, "x".repeat(1000));
    assert_eq!(to_protobuf(Signal::Logs, text.as_bytes(), 1000), Err(JsonError::TooLarge(1000)));
}
