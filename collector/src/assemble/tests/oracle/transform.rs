//! What ClickStack does to a log record before it is stored, step by step as its configuration says.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value},
    logs::v1::LogRecord,
};

use super::value::as_string;

pub fn transformed(mut record: LogRecord) -> LogRecord {
    merge_json_of_the_body(&mut record);
    record.attributes = flattened(&record.attributes);
    if let Some(Value::KvlistValue(body)) = record.body.as_ref().and_then(|body| body.value.clone()) {
        body.values.into_iter().for_each(|entry| upsert(entry, &mut record.attributes));
    }
    if record.severity_number == 0 && record.severity_text.is_empty() {
        promote_a_level(&mut record);
    }
    if record.severity_number == 0 && record.severity_text.is_empty() {
        let (text, number) = inferred(&as_string(record.body.as_ref()));
        (record.severity_text, record.severity_number) = (text.to_owned(), number);
    }
    record.severity_text = record.severity_text.to_lowercase();
    record
}

fn upsert(entry: KeyValue, attributes: &mut Vec<KeyValue>) {
    match attributes.iter_mut().find(|attribute| attribute.key == entry.key) {
        Some(attribute) => attribute.value = entry.value,
        None => attributes.push(entry),
    }
}

fn merge_json_of_the_body(record: &mut LogRecord) {
    let Some(Value::StringValue(body)) = record.body.as_ref().and_then(|body| body.value.as_ref()) else { return };
    // `(\{.*\})`: as much as there is, but on one line.
    let found = body.split('\n').find_map(|line| {
        let (first, last) = (line.find('{')?, line.rfind('}')?);
        (first < last).then(|| &line[first..=last])
    });
    let Some(Ok(serde_json::Value::Object(members))) = found.map(serde_json::from_str) else { return };
    for (key, value) in members {
        upsert(KeyValue { key, value: Some(of_json(value)), ..Default::default() }, &mut record.attributes);
    }
}

fn of_json(json: serde_json::Value) -> AnyValue {
    use serde_json::Value as Json;
    let value = match json {
        Json::Null => None,
        Json::Bool(bit) => Some(Value::BoolValue(bit)),
        // Every number is a double, whole ones too; all but their zero is alike.
        Json::Number(number) => Some(Value::DoubleValue(number.as_f64().unwrap())),
        Json::String(text) => Some(Value::StringValue(text)),
        Json::Array(list) => Some(Value::ArrayValue(ArrayValue { values: list.into_iter().map(of_json).collect() })),
        Json::Object(members) => {
            let entry = |(key, value)| KeyValue { key, value: Some(of_json(value)), ..Default::default() };
            Some(Value::KvlistValue(KeyValueList { values: members.into_iter().map(entry).collect() }))
        }
    };
    AnyValue { value }
}

fn flattened(attributes: &[KeyValue]) -> Vec<KeyValue> {
    let mut flat = Vec::new();
    attributes.iter().for_each(|attribute| flatten(attribute.key.clone(), attribute.value.as_ref(), &mut flat));
    flat
}

/// OTTL's `flatten`, which puts no dot before the positions of a list in a list.
fn flatten(key: String, value: Option<&AnyValue>, flat: &mut Vec<KeyValue>) {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::KvlistValue(map)) => flatten_map(&key, map, flat),
        Some(Value::ArrayValue(list)) => {
            for (position, element) in list.values.iter().enumerate() {
                let key = format!("{key}.{position}");
                match &element.value {
                    Some(Value::KvlistValue(map)) => flatten_map(&key, map, flat),
                    Some(Value::ArrayValue(inner)) => {
                        for (position, element) in inner.values.iter().enumerate() {
                            flatten(format!("{key}{position}"), Some(element), flat);
                        }
                    }
                    _ => upsert(KeyValue { key, value: Some(element.clone()), ..Default::default() }, flat),
                }
            }
        }
        _ => upsert(KeyValue { key, value: value.cloned(), ..Default::default() }, flat),
    }
}

fn flatten_map(key: &str, map: &KeyValueList, flat: &mut Vec<KeyValue>) {
    map.values.iter().for_each(|entry| flatten(format!("{key}.{}", entry.key), entry.value.as_ref(), flat));
}

fn promote_a_level(record: &mut LogRecord) {
    for key in ["level", "Level", "LEVEL", "severity", "Severity", "SEVERITY", "log.level"] {
        let found = record.attributes.iter().find(|attribute| attribute.key == key);
        let value = found.and_then(|attribute| attribute.value.as_ref()?.value.clone());
        if let Some(Value::StringValue(level)) = value
            && record.severity_text.is_empty()
        {
            record.severity_text = level;
        }
    }
    if record.severity_text.is_empty() {
        return;
    }
    record.severity_number = 9;
    let level = record.severity_text.to_lowercase();
    for (words, number) in [
        (&["alert", "crit", "emerg", "fatal"][..], 21),
        (&["error", "err"], 17),
        (&["warn", "notice"], 13),
        (&["info"], 9),
        (&["debug", "dbug"], 5),
        (&["trace"], 1),
    ] {
        if words.iter().any(|word| level.contains(word)) {
            record.severity_number = number;
        }
    }
}

/// `(?i)\b(alert|…)` in the first 256 bytes; the first place counts.
fn inferred(body: &str) -> (&'static str, i32) {
    let body: Vec<u8> = body.bytes().take(256).map(|byte| byte.to_ascii_lowercase()).collect();
    for at in 0..body.len() {
        let is_inside = at > 0 && (body[at - 1].is_ascii_alphanumeric() || body[at - 1] == b'_');
        let begins = |words: &[&str]| !is_inside && words.iter().any(|word| body[at..].starts_with(word.as_bytes()));
        for (words, severity) in [
            (&["alert", "crit", "emerg", "fatal"][..], ("fatal", 21)),
            (&["error", "err"], ("error", 17)),
            (&["warn", "notice"], ("warn", 13)),
            (&["debug", "dbug"], ("debug", 5)),
            (&["trace"], ("trace", 1)),
        ] {
            if begins(words) {
                return severity;
            }
        }
    }
    ("info", 9)
}
