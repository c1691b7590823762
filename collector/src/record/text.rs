//! A value as the text ClickStack stores: OpenTelemetry's `AsString`.
//!
//! Comes in: a [`Value`] that has been checked while decoding. Goes out: its text, appended to a buffer.
//! Strings are passed on as they are, byte for byte; numbers are written as ECMAScript writes them; bytes are
//! base64; arrays and maps are compact JSON with sorted keys.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{
    Attribute, Value,
    json::{Invalid, Kind, Reader},
    value,
};

/// As deep as whoever checked the text let it be, and more.
const MAX_JSON_DEPTH: u32 = 128;

/// Appends the text of a value.
pub fn append(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Empty => {}
        Value::String(text) => out.extend_from_slice(text),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::Double(number) => double(number, out),
        Value::Bytes(bytes) => base64(bytes, out),
        Value::Array(_) | Value::Map(_) | Value::Json(_) => json(value, out),
    }
}

/// ECMAScript's shortest form; negative zero keeps its sign, as in Go.
fn double(number: f64, out: &mut Vec<u8>) {
    if number == 0.0 && number.is_sign_negative() {
        out.extend_from_slice(b"-0");
    } else {
        out.extend_from_slice(ryu_js::Buffer::new().format(number).as_bytes());
    }
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
}

fn json(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Empty => out.extend_from_slice(b"null"),
        Value::String(text) => json_string(text, out),
        Value::Bool(_) | Value::Int(_) => append(value, out),
        Value::Double(number) if number.is_finite() => double(number, out),
        Value::Double(_) | Value::Bytes(_) => {
            // JSON has neither infinities nor bytes: both are strings.
            out.push(b'"');
            append(value, out);
            out.push(b'"');
        }
        Value::Array(message) => json_array(value::elements(message), out),
        Value::Map(message) => json_map(value::entries(message).collect(), out),
        // Checked when it was found: the text has no errors.
        Value::Json(text) => drop(json_again(text, out)),
    }
}

fn json_array<'a>(elements: impl Iterator<Item = Value<'a>>, out: &mut Vec<u8>) {
    out.push(b'[');
    let start = out.len();
    for element in elements {
        separate(start, out);
        json(element, out);
    }
    out.push(b']');
}

fn json_map(mut entries: Vec<Attribute<'_>>, out: &mut Vec<u8>) {
    // Of keys that stand twice the last counts, as in a JSON object.
    entries.reverse();
    entries.sort_by(|a, b| a.key.cmp(b.key));
    entries.dedup_by(|later, kept| later.key == kept.key);
    out.push(b'{');
    let start = out.len();
    for entry in entries {
        separate(start, out);
        json_string(entry.key, out);
        out.push(b':');
        json(entry.value, out);
    }
    out.push(b'}');
}

/// JSON in another spelling than that of its sender: the one all values have.
fn json_again(text: &[u8], out: &mut Vec<u8>) -> Result<(), Invalid> {
    let mut reader = Reader::of(text, MAX_JSON_DEPTH);
    let mut scratch = Vec::new();
    match reader.peek()? {
        Kind::Object => {
            reader.object_start()?;
            let mut members = Vec::new();
            while let Some(key) = reader.next_key()? {
                members.push((key.resolve(&mut scratch).to_vec(), reader.skip_value()?));
            }
            json_map(members.iter().map(|(key, text)| Attribute { key, value: Value::Json(text) }).collect(), out);
        }
        Kind::Array => {
            reader.array_start()?;
            let mut elements = Vec::new();
            while reader.next_element()? {
                elements.push(Value::Json(reader.skip_value()?));
            }
            json_array(elements.into_iter(), out);
        }
        Kind::String => json_string(reader.string()?.resolve(&mut scratch), out),
        Kind::Number => json(Value::of_number(reader.number()?).unwrap_or(Value::Empty), out),
        Kind::True | Kind::False | Kind::Null => json(reader.literal()?.map_or(Value::Empty, Value::Bool), out),
    }
    Ok(())
}

fn separate(start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b',');
    }
}

/// A JSON string as Go writes it without HTML escaping; bytes that are not UTF-8 become U+FFFD.
fn json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
