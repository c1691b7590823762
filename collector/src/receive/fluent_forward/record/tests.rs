use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue as Official, KeyValue, any_value::Value as Kind},
    logs::v1::LogRecord,
};
use prost::Message;
use rmpv::Value;

use super::*;
use crate::receive::log_request::LogRequest;

const NOW: u64 = 5;

fn pair(time: Value, record: Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &Value::Array(vec![time, record])).unwrap();
    bytes
}

fn map<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Map(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn read(time: Value, record: Value) -> Result<LogRecord, Unfit> {
    let bytes = pair(time, record);
    let event = Event::of_pair(&bytes)?;
    let mut request = LogRequest::new(usize::MAX);
    request.push(|record| event.write(b"app.web", NOW, record))?;
    let request = ExportLogsServiceRequest::decode(&request.finish().unwrap()[..]).unwrap();
    Ok(request.resource_logs[0].scope_logs[0].log_records[0].clone())
}

fn kind(value: Option<Official>) -> Option<Kind> {
    value.and_then(|value| value.value)
}

fn attribute(record: &LogRecord, name: &str) -> Option<Kind> {
    let found: Vec<&KeyValue> = record.attributes.iter().filter(|attribute| attribute.key == name).collect();
    assert!(found.len() <= 1, "{name} {found:?}");
    found.first().and_then(|attribute| kind(attribute.value.clone()))
}

fn text(text: &str) -> Option<Kind> {
    Some(Kind::StringValue(text.to_owned()))
}

#[test]
fn the_text_is_the_body_and_all_else_is_an_attribute_beside_the_tag() {
    for name in ["log", "message"] {
        let record = read(7.into(), map([("level", "warn".into()), (name, "hi".into()), ("n", 3.into())])).unwrap();
        assert_eq!((record.time_unix_nano, record.observed_time_unix_nano), (7_000_000_000, NOW));
        assert_eq!(kind(record.body.clone()), text("hi"));
        assert_eq!(attribute(&record, "fluent.tag"), text("app.web"));
        assert_eq!(attribute(&record, "level"), text("warn"));
        assert_eq!(attribute(&record, "n"), Some(Kind::IntValue(3)));
        assert_eq!(record.attributes.len(), 3);
    }
}

#[test]
fn of_two_texts_the_later_is_the_body_and_none_is_lost() {
    let record = read(7.into(), map([("log", "one".into()), ("message", "two".into())])).unwrap();
    assert_eq!((kind(record.body.clone()), attribute(&record, "log")), (text("two"), text("one")));
}

#[test]
fn values_keep_their_kind() {
    let record = map([
        ("nil", Value::Nil),
        ("true", true.into()),
        ("negative", (-5).into()),
        ("large", u64::MAX.into()),
        ("half", Value::F32(0.5)),
        ("bytes", Value::Binary(b"text".to_vec())),
        ("odd", Value::Binary(b"\xff!".to_vec())),
        ("other", Value::Ext(9, vec![1, 2])),
        ("list", Value::Array(vec![1.into(), "a".into()])),
        ("map", map([("inner", "x".into())])),
    ]);
    let record = read(7.into(), record).unwrap();
    let of = |name| attribute(&record, name);
    assert_eq!((of("nil"), of("true"), of("negative")), (None, Some(Kind::BoolValue(true)), Some(Kind::IntValue(-5))));
    assert_eq!((of("large"), of("half")), (text("18446744073709551615"), Some(Kind::DoubleValue(0.5))));
    assert_eq!((of("bytes"), of("odd")), (text("text"), text("\u{fffd}!")));
    assert_eq!(of("other"), Some(Kind::BytesValue(vec![1, 2])));
    let Some(Kind::ArrayValue(list)) = of("list") else { panic!() };
    assert_eq!(kind(Some(list.values[1].clone())), text("a"));
    let Some(Kind::KvlistValue(inner)) = of("map") else { panic!() };
    assert_eq!((inner.values[0].key.as_str(), kind(inner.values[0].value.clone())), ("inner", text("x")));
}

#[test]
fn a_time_is_of_seconds_or_of_nanoseconds_and_fluent_bit_says_more_with_it() {
    let event_time = Value::Ext(0, [1_700_000_000_u32.to_be_bytes(), 42_u32.to_be_bytes()].concat());
    let exact = 1_700_000_000_000_000_042;
    assert_eq!(read(event_time.clone(), map([])).unwrap().time_unix_nano, exact);
    assert_eq!(read(Value::Nil, map([])).unwrap().time_unix_nano, 0);
    let told = Value::Array(vec![event_time, map([("stream", "x".into())])]);
    let record = read(told, map([])).unwrap();
    assert_eq!((record.time_unix_nano, attribute(&record, "stream")), (exact, text("x")));
}

#[test]
fn what_is_no_event_is_told() {
    let mut deep = Value::Nil;
    for _ in 0..=MAX_DEPTH {
        deep = Value::Array(vec![deep]);
    }
    for (time, record) in [
        ("7".into(), map([])),
        ((-1).into(), map([])),
        (i64::MAX.into(), map([])),
        (Value::Ext(0, vec![0; 7]), map([])),
        (Value::Ext(1, vec![0; 8]), map([])),
        (7.into(), Value::Nil),
        (7.into(), Value::Map(vec![(1.into(), 2.into())])),
        (7.into(), map([("deep", deep)])),
    ] {
        assert_eq!(read(time.clone(), record.clone()), Err(Unfit::Bad), "{time} {record}");
    }
    assert!(Event::of_pair(b"\x93\x07\x80\xc0").is_err() && Event::of_pair(b"\x07").is_err());
}
