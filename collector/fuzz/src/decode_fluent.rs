//! Fluent's forward protocol: what is read of a stream against a library's values and the official messages.

use collector::receive::fluent_forward::read;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;
use rmpv::Value;

use super::Target;

pub const TARGET: Target = Target { name: "decode_fluent", run, measured, most_bytes };

/// Small enough to be met.
const LIMIT: usize = 64 << 10;

pub fn run(input: &[u8]) {
    let whole = read(input, LIMIT);
    assert!(whole.request.len() <= LIMIT, "{} bytes", whole.request.len());
    let official = ExportLogsServiceRequest::decode(&whole.request[..]).expect("a message");
    let scopes = official.resource_logs.iter().flat_map(|group| &group.scope_logs);
    let records: Vec<_> = scopes.flat_map(|scope| &scope.log_records).collect();
    assert_eq!(records.len() as u64, whole.records);

    let (mut rest, mut events) = (input, 0);
    for length in &whole.lengths {
        let before = rest.len();
        let value = rmpv::decode::read_value(&mut rest).expect("a message is a value");
        assert_eq!(before - rest.len(), *length);
        events += events_of(&value);
    }
    assert_eq!(whole.records + whole.bad, events);
    for record in records {
        assert_eq!(record.attributes[0].key, "fluent.tag");
    }
}

fn measured(input: &[u8]) {
    drop(read(input, LIMIT));
}

/// What is written, which grows by doubling, and a text whose every byte is replaced by three.
const fn most_bytes(input: usize) -> usize {
    4 * LIMIT + 3 * input + (16 << 10)
}

/// As many as the library counts. What is packed is more values, up to what is none.
fn events_of(message: &Value) -> u64 {
    let Value::Array(parts) = message else { return 0 };
    let compressed = parts.last().and_then(Value::as_map).is_some_and(|options| {
        let is_named = |name: &Value| bytes(name) == Some(b"compressed");
        options.iter().rfind(|(name, _)| is_named(name)).is_some_and(|(_, value)| bytes(value) != Some(b"text"))
    });
    match &parts[1] {
        Value::Array(all) => all.len() as u64,
        packed @ (Value::String(_) | Value::Binary(_)) if !compressed => {
            let mut rest = bytes(packed).unwrap_or_default();
            let mut count = 0;
            while !rest.is_empty() {
                count += 1;
                if rmpv::decode::read_value(&mut rest).is_err() {
                    break;
                }
            }
            count
        }
        Value::String(_) | Value::Binary(_) => 0,
        _ => 1,
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::String(text) => Some(text.as_bytes()),
        Value::Binary(bytes) => Some(bytes),
        _ => None,
    }
}
