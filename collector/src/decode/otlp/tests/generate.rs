//! Requests of every signal, as senders make them and as none would.
//!
//! Goes out: official messages. Small alphabets, so that keys repeat and meet; a few days, so that a request stays
//! below what is taken at once.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    resource::v1::Resource,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use prost::Message as _;

use crate::signal::Signal;

mod logs;
mod metrics;
mod traces;

pub use logs::logs;
pub use metrics::metrics;
pub use traces::traces;

/// A request of any signal, encoded.
pub fn request() -> impl Strategy<Value = (Signal, Vec<u8>)> {
    prop_oneof![
        logs().prop_map(|request| (Signal::Logs, request.encode_to_vec())),
        traces().prop_map(|request| (Signal::Traces, request.encode_to_vec())),
        metrics().prop_map(|request| (Signal::Metrics, request.encode_to_vec())),
    ]
}

/// Of a plain text, with what JSON escapes and what takes several bytes.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-zA-Z. ]{0,8}", 1 => "[a-c\u{e9}\u{2028}\"\\\\\n\u{1}<]{0,6}"]
}

pub fn double() -> impl Strategy<Value = f64> {
    const NOTABLE: [f64; 10] =
        [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e21, 1e-7, 0.000_001, 100.0, f64::MIN];
    prop_oneof![any::<f64>(), select(&NOTABLE[..]), any::<i32>().prop_map(f64::from)]
}

/// Nanoseconds in one of a few days, the first and the last there are among them.
pub fn time() -> impl Strategy<Value = u64> {
    let days = prop_oneof![4 => Just(20_000_u64), 1 => select(&[0_u64, 1, 19_999, 20_001, 213_503][..])];
    let time =
        (days, 0..86_400_000_000_000_u64).prop_map(|(day, within)| (day * 86_400_000_000_000).saturating_add(within));
    prop_oneof![1 => Just(0), 6 => time]
}

/// An id of the right length, an absent one, or a wrong one.
pub fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), length),
        1 => Just(Vec::new()),
        1 => Just(vec![0; length]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

pub fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|bit| Some(Value::BoolValue(bit))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        double().prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..6).prop_map(|bytes| Some(Value::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(("[a-c]{0,2}", option::of(inner)), 0..4)
                .prop_map(|entries| Value::KvlistValue(KeyValueList { values: key_values(entries) })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_values(entries: Vec<(String, Option<AnyValue>)>) -> Vec<KeyValue> {
    entries.into_iter().map(|(key, value)| KeyValue { key, value, ..Default::default() }).collect()
}

/// Keys that meet one another, also once they are flat.
pub fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(("[a-c]{1}([.][a-c01]){0,2}", option::of(value())), 0..5).prop_map(key_values)
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let name = vec(option::of(value()), 0..3)
        .prop_map(|names| key_values(names.into_iter().map(|name| ("service.name".to_owned(), name)).collect()));
    option::of((attributes(), name, any::<u32>()).prop_map(|(mut attributes, names, dropped_attributes_count)| {
        attributes.extend(names);
        Resource { attributes, dropped_attributes_count, ..Default::default() }
    }))
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    option::of((text(), "[0-9.]{0,3}", attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    ))
}

fn url() -> impl Strategy<Value = String> {
    "[a-z:/]{0,6}"
}
