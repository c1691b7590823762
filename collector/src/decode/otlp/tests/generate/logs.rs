//! Requests with logs: plain ones, JSON in bodies, levels, parts of sessions.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{attributes, id, resource, scope, text, time, url, value};

pub fn logs() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs = (scope(), vec(record(), 0..4), url()).prop_map(|(scope, log_records, schema_url)| ScopeLogs {
        scope,
        log_records,
        schema_url,
    });
    let group = (resource(), vec(scope_logs, 0..3), url())
        .prop_map(|(resource, scope_logs, schema_url)| ResourceLogs { resource, scope_logs, schema_url });
    vec(group, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let severity = prop_oneof![
        2 => Just((0, String::new())),
        1 => (any::<i32>(), "[A-Z\u{c4}]{0,5}"),
        1 => (0..25, "[a-zA-Z]{0,5}"),
    ];
    let all = (attributes(), vec(special(), 0..3)).prop_map(|(mut attributes, special)| {
        attributes.extend(special);
        attributes
    });
    (time(), time(), severity, option::of(body()), all, any::<u32>(), id(16), id(8), text()).prop_map(
        |(time, observed, severity, body, attributes, flags, trace_id, span_id, event_name)| LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: observed,
            severity_number: severity.0,
            severity_text: severity.1,
            body,
            attributes,
            dropped_attributes_count: flags,
            flags,
            trace_id,
            span_id,
            event_name,
        },
    )
}

/// Attributes that mean something to the transform.
fn special() -> impl Strategy<Value = KeyValue> {
    let level = prop_oneof![
        3 => select(&["", "Error", "err info", "WARN", "verbose", "trace"][..])
            .prop_map(|level| AnyValue { value: Some(Value::StringValue(level.into())) }),
        1 => value(),
    ];
    let key = prop_oneof![
        6 => select(&["level", "Level", "LEVEL", "severity", "Severity", "SEVERITY", "log.level", "log"][..]),
        1 => Just("rr-web.event"),
    ];
    (key, option::of(level)).prop_map(|(key, value)| KeyValue { key: key.into(), value, ..Default::default() })
}

fn body() -> impl Strategy<Value = AnyValue> {
    let words = "[ _a-c]{0,2}(ALERT|crit|emerg|Fatal|error|ERR|warn|notice|info|debug|dbug|trace)?[ a-z{}]{0,4}";
    let long = (248..258_usize, "(error|Warn)").prop_map(|(length, word)| "-".repeat(length) + &word);
    let mixed = ("[a{}\n ]{0,3}", object(), "[a{}\n ]{0,3}").prop_map(|(before, json, after)| before + &json + &after);
    prop_oneof![
        value(),
        prop_oneof![words, long, object(), mixed].prop_map(|text| AnyValue { value: Some(Value::StringValue(text)) })
    ]
}

/// The text of a JSON object; its numbers are ones that every reader takes for the same double.
fn object() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|bit| bit.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (any::<i32>(), any::<u8>()).prop_map(|(whole, part)| format!("{whole}.{part}")),
        (-9..9_i32, 0..22_u8).prop_map(|(digit, exponent)| format!("{digit}e{exponent}")),
        text().prop_map(|text| serde_json::Value::from(text).to_string()),
        select(&[r#""\u00e9\ud83d\ude00\/""#, "-0", "0.000001", "1e-7", "12345678901234567890"][..])
            .prop_map(str::to_owned),
    ];
    let nested = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(|list| format!("[ {}]", list.join(","))), members(inner)]
    });
    members(nested)
}

/// Members with names of their own: of one that stands twice readers make different things.
fn members(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let key = prop_oneof![3 => "[a-c]([.][a-c0])?", 1 => Just("level".to_owned()), 1 => "\u{e9}?"];
    proptest::collection::btree_map(key, value, 0..4).prop_map(|members| {
        let members: Vec<_> =
            members.iter().map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key.as_str()))).collect();
        format!("{{{}}}", members.join(" ,"))
    })
}
