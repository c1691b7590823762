//! The one-pass decoder against the official messages: same values, same refusals.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value},
    logs::v1::{LogRecord as Record, ResourceLogs, ScopeLogs},
    resource::v1::Resource as OtlpResource,
};
use proptest::{collection::vec, option, prelude::*};
use prost::Message;

use super::{value::any_value, *};
use crate::record::{Attribute, LogRecord, Value, text, wire::Wire};

/// One row as text, made by either path.
type Row = Vec<String>;

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    rejected: usize,
    scoped: usize,
    grouped: usize,
}

impl<'a> LogSink<'a> for Rows {
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Malformed> {
        self.rows.push(vec![
            record.timestamp().to_string(),
            record.severity_number.to_string(),
            lossy(record.severity_text),
            text_of(record.body),
            pairs(&record.attributes),
            record.flags.to_string(),
            format!("{:?} {:?}", record.trace_id, record.span_id),
            lossy(record.event_name),
        ]);
        Ok(())
    }
}

impl<'a> Sink<'a> for Rows {
    type Refused = Malformed;

    fn reject(&mut self, _malformed: Malformed) -> Result<(), Malformed> {
        self.rejected += 1;
        Ok(())
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Malformed> {
        let shared = [lossy(scope.name), lossy(scope.version), pairs(&scope.attributes), lossy(scope.schema_url)];
        for row in &mut self.rows[self.scoped..] {
            row.extend_from_slice(&shared);
        }
        self.scoped = self.rows.len();
        Ok(())
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Malformed> {
        let shared = [pairs(&resource.attributes), lossy(resource.schema_url)];
        for row in &mut self.rows[self.grouped..] {
            row.extend_from_slice(&shared);
        }
        self.grouped = self.rows.len();
        Ok(())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn text_of(value: Value<'_>) -> String {
    let mut out = Vec::new();
    text::append(value, &mut out);
    lossy(&out)
}

fn pairs(attributes: &[Attribute<'_>]) -> String {
    attributes.iter().map(|a| format!("{}={};", lossy(a.key), text_of(a.value))).collect()
}

fn decoded(request: &[u8]) -> Result<Vec<Row>, Malformed> {
    let mut rows = Rows::default();
    logs(request, &mut rows).map(|()| rows.rows)
}

/// The same rows by way of the official structs.
fn expected(request: &ExportLogsServiceRequest) -> Vec<Row> {
    let mut rows = Vec::new();
    for group in &request.resource_logs {
        for scope_logs in &group.scope_logs {
            for record in &scope_logs.log_records {
                let scope = scope_logs.scope.clone().unwrap_or_default();
                rows.push(vec![
                    if record.time_unix_nano == 0 { record.observed_time_unix_nano } else { record.time_unix_nano }
                        .to_string(),
                    record.severity_number.to_string(),
                    record.severity_text.clone(),
                    oracle_text(record.body.as_ref()),
                    oracle_pairs(&record.attributes),
                    record.flags.to_string(),
                    format!("{:?} {:?}", record.trace_id, record.span_id),
                    record.event_name.clone(),
                    scope.name,
                    scope.version,
                    oracle_pairs(&scope.attributes),
                    scope_logs.schema_url.clone(),
                    oracle_pairs(&group.resource.clone().unwrap_or_default().attributes),
                    group.schema_url.clone(),
                ]);
            }
        }
    }
    rows
}

fn oracle_pairs(attributes: &[KeyValue]) -> String {
    attributes.iter().map(|a| format!("{}={};", a.key, oracle_text(a.value.as_ref()))).collect()
}

fn oracle_text(value: Option<&AnyValue>) -> String {
    use any_value::Value as V;
    match value.and_then(|value| value.value.as_ref()) {
        None => String::new(),
        Some(V::StringValue(text)) => text.clone(),
        Some(V::BytesValue(bytes)) => base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes),
        Some(V::DoubleValue(number)) if number.is_nan() => "NaN".into(),
        Some(V::DoubleValue(number)) if number.is_infinite() => {
            format!("{}Infinity", if *number < 0.0 { "-" } else { "" })
        }
        Some(V::IntValue(number)) => number.to_string(),
        Some(V::BoolValue(bit)) => bit.to_string(),
        Some(_) => oracle_json(value).to_string(),
    }
}

/// `serde_json`'s map sorts its keys and keeps the last of equal ones.
fn oracle_json(value: Option<&AnyValue>) -> serde_json::Value {
    use any_value::Value as V;
    match value.and_then(|value| value.value.as_ref()) {
        None => serde_json::Value::Null,
        Some(V::ArrayValue(array)) => array.values.iter().map(|value| oracle_json(Some(value))).collect(),
        Some(V::KvlistValue(map)) => serde_json::Value::Object(
            map.values.iter().map(|entry| (entry.key.clone(), oracle_json(entry.value.as_ref()))).collect(),
        ),
        Some(V::IntValue(number)) => (*number).into(),
        Some(V::BoolValue(bit)) => (*bit).into(),
        Some(_) => oracle_text(value).into(),
    }
}

fn value() -> impl Strategy<Value = AnyValue> {
    use any_value::Value as V;
    let leaf = prop_oneof![
        Just(None),
        "[a-zé\"\\\\\n\u{1}]{0,8}".prop_map(|text| Some(V::StringValue(text))),
        any::<bool>().prop_map(|bit| Some(V::BoolValue(bit))),
        any::<i64>().prop_map(|number| Some(V::IntValue(number))),
        vec(any::<u8>(), 0..6).prop_map(|bytes| Some(V::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| V::ArrayValue(ArrayValue { values })),
            vec(("[a-c]{0,2}", option::of(inner)), 0..4)
                .prop_map(|entries| V::KvlistValue(KeyValueList { values: key_values(entries) })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key_values(entries: Vec<(String, Option<AnyValue>)>) -> Vec<KeyValue> {
    entries.into_iter().map(|(key, value)| KeyValue { key, value, ..Default::default() }).collect()
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec(("[a-d.]{0,3}", option::of(value())), 0..5).prop_map(key_values)
}

fn record() -> impl Strategy<Value = Record> {
    (
        any::<u64>(),
        any::<u64>(),
        any::<i32>(),
        "[A-Z]{0,5}",
        option::of(value()),
        attributes(),
        any::<u32>(),
        vec(any::<u8>(), 0..17),
    )
        .prop_map(
            |(
                time_unix_nano,
                observed_time_unix_nano,
                severity_number,
                severity_text,
                body,
                attributes,
                flags,
                trace_id,
            )| Record {
                time_unix_nano,
                observed_time_unix_nano,
                severity_number,
                event_name: severity_text.to_lowercase(),
                severity_text,
                body,
                attributes,
                dropped_attributes_count: flags,
                flags,
                span_id: trace_id.iter().copied().take(8).collect(),
                trace_id,
            },
        )
}

fn request() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope = option::of((".{0,3}", "[0-9.]{0,3}", attributes()));
    let scope_logs =
        (scope, vec(record(), 0..4), "[a-z:/]{0,6}").prop_map(|(scope, log_records, schema_url)| ScopeLogs {
            scope: scope.map(|(name, version, attributes)| InstrumentationScope {
                name,
                version,
                attributes,
                dropped_attributes_count: 0,
            }),
            log_records,
            schema_url,
        });
    let group = (option::of(attributes()), vec(scope_logs, 0..3), "[a-z:/]{0,6}").prop_map(
        |(attributes, scope_logs, schema_url)| ResourceLogs {
            resource: attributes.map(|attributes| OtlpResource { attributes, ..Default::default() }),
            scope_logs,
            schema_url,
        },
    );
    vec(group, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

/// The fields of a message in another order, with an unknown field in between.
fn shuffled(message: &[u8], seed: u64) -> Vec<u8> {
    let mut fields = Fields::of(message);
    let mut pieces = Vec::new();
    let mut at = 0;
    while fields.next_field().unwrap().is_some() {
        let end = message.len() - fields_left(&fields);
        pieces.push(message[at..end].to_vec());
        at = end;
    }
    let turn = usize::try_from(seed).unwrap_or(0) % pieces.len().max(1);
    pieces.rotate_left(turn);
    pieces.insert(turn.min(pieces.len()), vec![0xf8, 0x7f, 0x2a]);
    pieces.concat()
}

fn fields_left(fields: &Fields<'_>) -> usize {
    let mut rest = *fields;
    let mut length = 0;
    while let Ok(Some((number, value))) = rest.next_field() {
        length += encoded_length(number, value);
    }
    length
}

fn encoded_length(number: u32, value: Wire<'_>) -> usize {
    let varint = |value: u64| prost::encoding::encoded_len_varint(value);
    varint(u64::from(number) << 3)
        + match value {
            Wire::Varint(value) => varint(value),
            Wire::Fixed64(_) => 8,
            Wire::Bytes(bytes) => varint(bytes.len() as u64) + bytes.len(),
            Wire::Fixed32(_) => 4,
            Wire::Group => 0,
        }
}

proptest! {
    #[test]
    fn every_valid_request_gives_the_rows_of_the_official_decoder(request in request()) {
        prop_assert_eq!(decoded(&request.encode_to_vec()).unwrap(), expected(&request));
    }

    #[test]
    fn fields_may_stand_in_any_order_with_unknown_ones_between(request in request(), seed in any::<u64>()) {
        let mut wire = Vec::new();
        for group in &request.resource_logs {
            let group = shuffled(&group.encode_to_vec(), seed);
            prost::encoding::encode_key(1, prost::encoding::WireType::LengthDelimited, &mut wire);
            prost::encoding::encode_varint(group.len() as u64, &mut wire);
            wire.extend_from_slice(&group);
        }
        let official = ExportLogsServiceRequest::decode(&wire[..]).unwrap();
        prop_assert_eq!(decoded(&wire).unwrap(), expected(&official));
    }

    #[test]
    fn a_damaged_request_is_refused_or_read_as_the_official_decoder_reads_it(
        request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut wire = request.encode_to_vec();
        if !wire.is_empty() {
            let at = at.index(wire.len());
            wire[at] = byte;
            wire.truncate(cut.index(wire.len()) + 1);
        }
        // Text that is not UTF-8 is stored as it is, where the official decoder refuses: the one difference.
        if let Ok(official) = ExportLogsServiceRequest::decode(&wire[..]) {
            prop_assert_eq!(decoded(&wire).map_err(|error| error.to_string()), Ok(expected(&official)));
        } else {
            let _ = decoded(&wire);
        }
    }

    #[test]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..200)) {
        let _ = decoded(&noise);
    }
}

#[test]
fn nesting_beyond_the_limit_is_refused_and_does_not_overflow_the_stack() {
    let mut value = AnyValue { value: Some(any_value::Value::BoolValue(true)) }.encode_to_vec();
    for _ in 0..10_000 {
        for field in [1, 5] {
            let mut outer = Vec::new();
            prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, &mut outer);
            prost::encoding::encode_varint(value.len() as u64, &mut outer);
            outer.extend_from_slice(&value);
            value = outer;
        }
        if value.len() > 60_000 {
            break;
        }
    }
    assert_eq!(any_value(&value), Err(Malformed::TooDeep));
}
