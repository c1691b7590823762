//! A value as the text ClickStack stores: OpenTelemetry's `AsString`.
//!
//! Comes in: a [`Value`] that has been checked while decoding. Goes out: its text, appended to a buffer.
//! Strings are passed on as they are, byte for byte; numbers are written as ECMAScript writes them; bytes are
//! base64; arrays and maps are compact JSON with sorted keys.

use base64::{Engine, prelude::BASE64_STANDARD};

use super::{Attribute, Value, wire::Fields};

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
        Value::Array(_) | Value::Map(_) => json(value, out),
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
        Value::Array(message) => json_array(message, out),
        Value::Map(message) => json_map(message, out),
    }
}

fn json_array(message: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    let start = out.len();
    let mut fields = Fields::of(message);
    while let Ok(Some((number, value))) = fields.next_field() {
        if let (1, Ok(element)) = (number, value.bytes(1)) {
            separate(start, out);
            json(nested(element), out);
        }
    }
    out.push(b']');
}

fn json_map(message: &[u8], out: &mut Vec<u8>) {
    let mut entries = Vec::new();
    let mut fields = Fields::of(message);
    while let Ok(Some((number, value))) = fields.next_field() {
        if let (1, Ok(entry)) = (number, value.bytes(1)) {
            entries.push(nested_attribute(entry));
        }
    }
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

fn separate(start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b',');
    }
}

/// An `AnyValue` inside a checked value. Errors cannot be: they would have refused the request.
fn nested(message: &[u8]) -> Value<'_> {
    let mut found = Value::Empty;
    let mut fields = Fields::of(message);
    while let Ok(Some((number, value))) = fields.next_field() {
        found = match number {
            1 => value.bytes(1).map(Value::String),
            2 => value.varint(2).map(|bit| Value::Bool(bit != 0)),
            3 => value.varint(3).map(|number| Value::Int(number.cast_signed())),
            4 => value.fixed64(4).map(|bits| Value::Double(f64::from_bits(bits))),
            5 => value.bytes(5).map(Value::Array),
            6 => value.bytes(6).map(Value::Map),
            7 => value.bytes(7).map(Value::Bytes),
            _ => Ok(found),
        }
        .unwrap_or(found);
    }
    found
}

fn nested_attribute(message: &[u8]) -> Attribute<'_> {
    let mut attribute = Attribute { key: &[], value: Value::Empty };
    let mut fields = Fields::of(message);
    while let Ok(Some((number, value))) = fields.next_field() {
        match (number, value.bytes(number)) {
            (1, Ok(key)) => attribute.key = key,
            (2, Ok(value)) => attribute.value = nested(value).over(attribute.value),
            _ => {}
        }
    }
    attribute
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
