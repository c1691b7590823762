use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    resource::v1::Resource,
    trace::v1::ResourceSpans,
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn text(name: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<Attribute> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn logs(resources: Vec<Option<Resource>>) -> ExportLogsServiceRequest {
    let record =
        LogRecord { time_unix_nano: 5, attributes: vec![text("k8s.pod.uid", "of a record")], ..LogRecord::default() };
    let scope = ScopeLogs { log_records: vec![record], ..ScopeLogs::default() };
    let group = |resource| ResourceLogs { resource, scope_logs: vec![scope.clone()], schema_url: "s".into() };
    ExportLogsServiceRequest { resource_logs: resources.into_iter().map(group).collect() }
}

/// What the official messages make of the same wish.
fn expected(mut request: ExportLogsServiceRequest, more: &[Attribute]) -> ExportLogsServiceRequest {
    for group in &mut request.resource_logs {
        let there = group.resource.clone().unwrap_or_default().attributes;
        let added: Vec<_> = more
            .iter()
            .filter(|(name, _)| there.iter().all(|one| one.key != *name))
            .map(|(name, value)| text(name, value))
            .collect();
        if !added.is_empty() {
            group.resource.get_or_insert_default().attributes.extend(added);
        }
    }
    request
}

fn values() -> impl Strategy<Value = Option<AnyValue>> {
    let value = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<i64>().prop_map(Value::IntValue),
        any::<bool>().prop_map(Value::BoolValue),
        proptest::collection::vec(any::<u8>(), 0..9).prop_map(Value::BytesValue),
    ];
    proptest::option::of(proptest::option::of(value).prop_map(|value| AnyValue { value }))
}

fn resources() -> impl Strategy<Value = Option<Resource>> {
    let attribute = ("[a-c]{0,2}", values()).prop_map(|(key, value)| KeyValue { key, value, ..KeyValue::default() });
    let resource = (proptest::collection::vec(attribute, 0..5), any::<u32>()).prop_map(|(attributes, count)| {
        Resource { attributes, dropped_attributes_count: count, ..Resource::default() }
    });
    proptest::option::of(resource)
}

proptest! {
    #[test]
    fn what_is_added_is_what_decoding_adding_and_encoding_would_make(
        resources in proptest::collection::vec(resources(), 0..5),
        more in proptest::collection::btree_map("[a-d]{1,2}", ".{0,200}", 0..4),
    ) {
        let (request, more): (_, Vec<Attribute>) = (logs(resources), more.into_iter().collect());
        let bytes = request.encode_to_vec();
        let expected = expected(request.clone(), &more);
        let made = add(&bytes, 1 << 20, |_| more.clone());
        prop_assert_eq!(made.is_some(), expected != request);
        prop_assert_eq!(made.unwrap_or(bytes), expected.encode_to_vec());
    }

    #[test]
    fn whatever_comes_in_nothing_but_a_resource_is_changed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(made) = add(&bytes, 1 << 20, |_| pairs(&[("a", "b")])) {
            // A request that can be read can still be read, and what cannot is judged as before.
            let (before, after) = (ExportTraceServiceRequest::decode(&bytes[..]), ExportTraceServiceRequest::decode(&made[..]));
            prop_assert_eq!(before.is_ok(), after.is_ok());
            if let (Ok(before), Ok(after)) = (before, after) {
                let rest = |groups: Vec<ResourceSpans>| -> Vec<_> {
                    groups.into_iter().map(|group| (group.scope_spans, group.schema_url)).collect()
                };
                prop_assert_eq!(rest(before.resource_spans), rest(after.resource_spans));
            }
        }
    }
}

#[test]
fn the_one_who_adds_is_told_what_the_resource_says() {
    let number =
        KeyValue { key: "n".into(), value: Some(AnyValue { value: Some(Value::IntValue(1)) }), ..KeyValue::default() };
    let resource = Resource { attributes: vec![text("a", "1"), number, text("e", "")], ..Resource::default() };
    let bytes = logs(vec![Some(resource), None]).encode_to_vec();
    let mut told = Vec::new();
    let made = add(&bytes, 1 << 20, |said| {
        told.push((
            said.text("a").map(str::to_owned),
            said.text("n").is_some(),
            said.has("n"),
            said.text("e").is_some(),
        ));
        Vec::new()
    });
    assert_eq!(told, [(Some("1".into()), false, true, false), (None, false, false, false)]);
    assert!(made.is_none(), "and nothing is changed where nothing is added");
}

#[test]
fn a_resource_in_pieces_and_behind_its_records_is_one_resource() {
    let piece = |name: &str| Resource { attributes: vec![text(name, "1")], ..Resource::default() }.encode_to_vec();
    let mut group = Vec::new();
    write(2, &ScopeLogs::default().encode_to_vec(), &mut group);
    write(RESOURCE, &piece("a"), &mut group);
    write(RESOURCE, &piece("b"), &mut group);
    let mut request = Vec::new();
    write(GROUP, &group, &mut request);
    let made = add(&request, 100, |_| pairs(&[("b", "2"), ("c", "3")])).unwrap();
    let made = ExportLogsServiceRequest::decode(&made[..]).unwrap();
    let attributes = made.resource_logs[0].resource.clone().unwrap().attributes;
    assert_eq!(attributes, [text("a", "1"), text("c", "3"), text("b", "1")]);
}

#[test]
fn what_would_grow_too_much_is_left_as_it_is() {
    // Two bytes each, of which hundreds could be made.
    let request = [0x0a, 0].repeat(1000);
    let more = |_: &Said<'_>| pairs(&[("name", "value")]);
    assert!(add(&request, 10_000, more).is_none());
    let grown = add(&request, 100_000, more).unwrap().len() - request.len();
    assert!(add(&request, grown, more).is_some() && add(&request, grown - 1, more).is_none());
    let many = Resource { attributes: (0..=MOST).map(|_| text("a", "1")).collect(), ..Resource::default() };
    assert!(add(&logs(vec![Some(many)]).encode_to_vec(), 100_000, more).is_none());
}
