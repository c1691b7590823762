//! Values of every kind, and the groups that carry records. Each record gets a scope of its own.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;

const SECOND: u64 = 1_000_000_000;

pub fn value(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub fn string(text: &str) -> AnyValue {
    value(Value::StringValue(text.into()))
}

pub fn map(entries: Vec<KeyValue>) -> AnyValue {
    value(Value::KvlistValue(KeyValueList { values: entries }))
}

pub fn list(values: Vec<AnyValue>) -> AnyValue {
    value(Value::ArrayValue(ArrayValue { values }))
}

pub fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..Default::default() }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    pair(key, string(value))
}

/// Every kind of value, with the ones that are hard to write as text.
pub fn every_kind() -> Vec<(&'static str, AnyValue)> {
    let half = pair("a", value(Value::DoubleValue(0.5)));
    let nested = map(vec![text("z", "'\u{e4}\u{2028}\u{1}\u{7f}"), half, pair("m", map(vec![]))]);
    vec![
        ("absent", AnyValue { value: None }),
        ("text", string("h\u{e9}\"llo\n\t\\")),
        ("text.empty", string("")),
        ("bool", value(Value::BoolValue(true))),
        ("bool.false", value(Value::BoolValue(false))),
        ("int", value(Value::IntValue(i64::MIN))),
        ("int.large", value(Value::IntValue(9_007_199_254_740_993))),
        ("double", value(Value::DoubleValue(0.1))),
        ("double.whole", value(Value::DoubleValue(3.0))),
        ("double.large", value(Value::DoubleValue(1e21))),
        ("double.almost.large", value(Value::DoubleValue(123_456_789_012_345_680_000.0))),
        ("double.small", value(Value::DoubleValue(1e-7))),
        ("double.almost.small", value(Value::DoubleValue(0.000_001))),
        ("double.minus.zero", value(Value::DoubleValue(-0.0))),
        ("bytes", value(Value::BytesValue(vec![0, 255, 16]))),
        ("bytes.empty", value(Value::BytesValue(Vec::new()))),
        ("list", list(vec![value(Value::IntValue(1)), AnyValue { value: None }, nested.clone(), list(vec![])])),
        ("list.empty", list(vec![])),
        ("map", nested),
        ("map.empty", map(vec![])),
        (
            "map.bytes",
            map(vec![pair("b", value(Value::BytesValue(vec![1, 2, 3]))), pair("i", value(Value::IntValue(-5)))]),
        ),
        (
            "map.doubles",
            map(vec![pair("large", value(Value::DoubleValue(1e21))), pair("small", value(Value::DoubleValue(1e-7)))]),
        ),
    ]
}

/// Texts that are not UTF-8, which protobuf forbids and senders send: bytes that never occur, a letter cut off, half of
/// a pair of surrogates, an overlong form. What stands for each in a message that the library writes is as long.
const NOT_UTF8: [(&str, &[u8]); 4] = [
    ("\u{1}\u{2}\u{5}", b"\xff\xfe\x80"),
    ("\u{1}\u{2}\u{6}", b"a\xe2\x82"),
    ("\u{1}\u{2}\u{7}", b"\xed\xa0\x80"),
    ("\u{1}\u{2}\u{8}", b"\xc0\x80b"),
];

/// Each of them, in a text around it.
pub fn texts_not_utf8() -> impl Iterator<Item = (usize, String)> {
    NOT_UTF8.iter().map(|(mark, _)| format!("W{mark}ARN")).enumerate()
}

/// The message with those bytes in it.
pub fn without_utf8(mut message: Vec<u8>) -> Vec<u8> {
    for (mark, bytes) in NOT_UTF8 {
        for place in 0..message.len().saturating_sub(mark.len()) {
            if message[place..].starts_with(mark.as_bytes()) {
                message[place..place + mark.len()].copy_from_slice(bytes);
            }
        }
    }
    message
}

/// Values whose text differs on purpose; see [`super::intended`].
pub fn that_differ() -> Vec<(&'static str, AnyValue)> {
    vec![
        ("double.nan", value(Value::DoubleValue(f64::NAN))),
        ("double.infinite", value(Value::DoubleValue(f64::INFINITY))),
        ("double.minus.infinite", value(Value::DoubleValue(f64::NEG_INFINITY))),
        ("map.html", map(vec![text("a", "<&>")])),
    ]
}

/// The same as attributes, in an order that is not that of the keys.
pub fn attributes() -> Vec<KeyValue> {
    let mut all: Vec<KeyValue> = every_kind().into_iter().map(|(key, value)| pair(key, value)).collect();
    all.reverse();
    all.push(text("\u{e4}", "beyond ASCII"));
    all.push(text("A", "before a"));
    all
}

/// One key twice, with other keys between.
pub fn duplicates() -> Vec<KeyValue> {
    vec![text("same", "first"), text("other", "x"), text("same", "second"), text("another", "y")]
}

pub fn scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: name.into(), ..Default::default() })
}

/// A scope with everything a scope can have.
pub fn full_scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: name.into(),
        version: "1.2".into(),
        attributes: attributes(),
        dropped_attributes_count: 3,
    })
}

pub fn shop() -> Option<Resource> {
    let attributes = vec![text("service.name", "shop"), text("k8s.pod.name", "shop-0"), text("rum.sessionId", "s1")];
    Some(Resource { attributes, ..Default::default() })
}

/// Resources that are hard to read a service from, by what is special about them.
pub fn resources() -> Vec<(&'static str, Option<Resource>)> {
    let of = |attributes| Some(Resource { attributes, ..Default::default() });
    vec![
        ("resource absent", None),
        ("resource empty", of(vec![])),
        ("resource of every kind", of(attributes())),
        ("resource with duplicates", of(duplicates())),
        ("service is a number", of(vec![pair("service.name", value(Value::IntValue(7)))])),
        ("service is a map", of(vec![pair("service.name", map(vec![text("a", "b")]))])),
        ("service is empty", of(vec![text("service.name", "")])),
        ("service twice", of(vec![text("service.name", "first"), text("service.name", "second")])),
    ]
}

/// A moment of this hour, so that nothing is too old for a table.
pub fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_secs() / 3_600 * 3_600 * SECOND + 123_456_789
}
