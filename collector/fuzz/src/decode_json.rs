//! JSON: the reader against `serde_json`, and OTLP in JSON against the official messages.
//!
//! The first byte is the signal, the rest the text.

use collector::{
    assemble::check,
    receive::otlp_json::to_protobuf,
    record::json::{Invalid, Kind, Reader},
    signal::Signal,
};

use super::{Target, decode_otlp::agrees_with_the_official_decoder};

pub const TARGET: Target = Target { name: "decode_json", run, measured, most_bytes };

/// The transcoder's own.
const DEPTH: u32 = 200;

/// Small enough to be met.
const LIMIT: usize = 32 << 10;

pub fn run(input: &[u8]) {
    let Some((signal, text)) = split(input) else { return };
    agrees_with_serde_json(text);
    if let Ok(message) = to_protobuf(signal, text, LIMIT) {
        assert!(message.len() <= LIMIT, "{} bytes", message.len());
        let official = agrees_with_the_official_decoder(signal, &message);
        // It takes fewer levels of values than are transcoded, and no request with a record that nobody can read.
        let has_unreadable = check(signal, &message).is_ok_and(|checked| checked.rejected > 0);
        assert!(official.is_some() || has_unreadable || text.len() > 1000, "not a message: {message:?}");
    }
}

fn measured(input: &[u8]) {
    let Some((signal, text)) = split(input) else { return };
    let _ = to_protobuf(signal, text, usize::MAX);
}

/// Two bytes of JSON, a digit and a comma, are eight of protobuf at most. A vector that grows holds what it has and
/// twice as much. Long lengths and the scratch for escapes are less than the text, and grow likewise.
const fn most_bytes(input: usize) -> usize {
    (4 + 2) * 3 * input + 1024
}

fn split(input: &[u8]) -> Option<(Signal, &[u8])> {
    let (first, text) = input.split_first()?;
    Some((Signal::ALL[usize::from(*first) % Signal::ALL.len()], text))
}

/// Text that is not UTF-8, and half of a surrogate pair, are taken here and refused there; so are numbers beyond
/// doubles.
fn agrees_with_serde_json(text: &[u8]) {
    let mut reader = Reader::of(text, DEPTH);
    let skipped = reader.skip_value().map(drop).and_then(|()| reader.finish());
    let walked = walk_all(text);
    assert_eq!(skipped.is_ok(), walked.is_ok(), "{skipped:?} {walked:?}");
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(_) => skipped.expect("serde_json reads it"),
        Err(error) => {
            let told = error.to_string();
            let is_mended = std::str::from_utf8(text).is_err()
                || ["surrogate", "hex escape", "out of range", "recursion"].iter().any(|word| told.contains(word));
            assert!(is_mended || skipped.is_err(), "{told}");
        }
    }
}

fn walk_all(text: &[u8]) -> Result<(), Invalid> {
    let mut reader = Reader::of(text, DEPTH);
    walk(&mut reader, &mut Vec::new())?;
    reader.finish()
}

fn walk(reader: &mut Reader<'_>, scratch: &mut Vec<u8>) -> Result<(), Invalid> {
    match reader.peek()? {
        Kind::Object => {
            reader.object_start()?;
            while let Some(key) = reader.next_key()? {
                assert!(std::str::from_utf8(key.resolve(scratch)).is_ok());
                walk(reader, scratch)?;
            }
        }
        Kind::Array => {
            reader.array_start()?;
            while reader.next_element()? {
                walk(reader, scratch)?;
            }
        }
        Kind::String => {
            let text = reader.string()?;
            let resolved = text.resolve(scratch);
            assert!(std::str::from_utf8(resolved).is_ok() && resolved.len() <= 3 * text.raw().len());
        }
        Kind::Number => {
            let number = reader.number()?;
            assert!(number.to_i64().is_none() || number.is_integer());
            number.to_f64();
        }
        Kind::True | Kind::False | Kind::Null => drop(reader.literal()?),
    }
    Ok(())
}
