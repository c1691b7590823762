//! What is inside an array or a map, read when somebody wants it.
//!
//! Comes in: an encoded value that has been checked while decoding. Goes out: its elements or entries. Errors cannot
//! be: they would have refused the record.

use super::{Attribute, Value, json::Number, wire::Fields};

/// The elements of an `ArrayValue`.
pub fn elements(message: &[u8]) -> impl Iterator<Item = Value<'_>> {
    messages(message).map(nested)
}

/// The entries of a `KeyValueList`.
pub fn entries(message: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    messages(message).map(nested_attribute)
}

impl Value<'_> {
    /// A number of JSON, which is a double; none beyond the largest one. Whole numbers that a double holds exactly are
    /// written alike either way, and faster as what they are.
    pub fn of_number(number: Number<'_>) -> Option<Self> {
        let is_exact = number.is_integer() && number.text().len() <= 15 && number.text() != b"-0";
        match number.to_i64().filter(|_| is_exact) {
            Some(whole) => Some(Self::Int(whole)),
            None => number.to_f64().map(Self::Double),
        }
    }
}

fn messages(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut fields = Fields::of(message);
    std::iter::from_fn(move || {
        loop {
            let (number, value) = fields.next_field().ok().flatten()?;
            if let (1, Ok(message)) = (number, value.bytes(1)) {
                return Some(message);
            }
        }
    })
}

/// An `AnyValue`.
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
