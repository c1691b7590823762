//! `KeyValue` and `AnyValue`, and numbers as protobuf writes them.

use crate::record::{
    Attribute, Malformed, Value,
    wire::{Fields, Wire},
};

/// Values nested deeper are refused: reading them would need stack in proportion, and no sender means it.
/// prost, which most Rust senders use, gives up at 100 messages; an array costs two.
const MAX_DEPTH: u32 = 48;

/// Protobuf's `int32` on the wire: a 64-bit varint, cut.
#[expect(clippy::cast_possible_truncation, reason = "what the official decoders do")]
pub(super) fn enumeration(value: Wire<'_>, number: u32) -> Result<i32, Malformed> {
    value.varint(number).map(|value| value as i32)
}

/// Protobuf's `uint32`: a 64-bit varint, cut.
#[expect(clippy::cast_possible_truncation, reason = "what the official decoders do")]
pub(super) fn unsigned(value: Wire<'_>, number: u32) -> Result<u32, Malformed> {
    value.varint(number).map(|value| value as u32)
}

/// Protobuf's `sint32`: small magnitudes in few bytes, whatever the sign.
pub(super) fn zigzag(value: Wire<'_>, number: u32) -> Result<i32, Malformed> {
    unsigned(value, number).map(|value| (value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

pub(super) fn double(value: Wire<'_>, number: u32) -> Result<f64, Malformed> {
    value.fixed64(number).map(f64::from_bits)
}

/// Attributes of one record, or of one resource or scope. A view of one is twenty times larger than the two bytes an
/// empty one takes on the wire, and no sender has so many.
const MOST_ATTRIBUTES: usize = 1 << 16;

/// Reads a `KeyValue` into a list.
#[inline]
pub(super) fn push_attribute<'a>(message: &'a [u8], list: &mut Vec<Attribute<'a>>) -> Result<(), Malformed> {
    if list.len() >= MOST_ATTRIBUTES {
        return Err(Malformed::TooMany);
    }
    list.push(attribute(message)?);
    Ok(())
}

/// A `KeyValue`.
#[inline]
fn attribute(message: &[u8]) -> Result<Attribute<'_>, Malformed> {
    match plain_attribute(message) {
        Some(attribute) => Ok(attribute),
        None => any_attribute(message),
    }
}

/// A `KeyValue` as most are: a key and a text, both short, in this order and nothing else.
#[inline]
fn plain_attribute(message: &[u8]) -> Option<Attribute<'_>> {
    let (head, rest) = message.split_first_chunk::<2>().filter(|(head, _)| head[0] == 0x0a && head[1] < 0x80)?;
    let (key, rest) = rest.split_at_checked(usize::from(head[1]))?;
    let (head, text) = rest.split_first_chunk::<4>()?;
    let is_whole = usize::from(head[1]) == text.len() + 2 && usize::from(head[3]) == text.len();
    let is_plain = head[0] == 0x12 && head[1] < 0x80 && head[2] == 0x0a && is_whole;
    is_plain.then_some(Attribute { key, value: Value::String(text) })
}

fn any_attribute(message: &[u8]) -> Result<Attribute<'_>, Malformed> {
    let mut attribute = Attribute { key: &[], value: Value::Empty };
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => attribute.key = value.bytes(1)?,
            2 => attribute.value = any_value(value.bytes(2)?)?.over(attribute.value),
            _ => {}
        }
    }
    Ok(attribute)
}

/// An `AnyValue`. What is nested in it is checked now, so that whoever reads it later cannot fail.
#[inline]
pub(super) fn any_value(message: &[u8]) -> Result<Value<'_>, Malformed> {
    any_value_at(message, MAX_DEPTH)
}

fn any_value_at(message: &[u8], depth: u32) -> Result<Value<'_>, Malformed> {
    let mut found = Value::Empty;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        found = match number {
            1 => Value::String(value.bytes(1)?),
            2 => Value::Bool(value.varint(2)? != 0),
            3 => Value::Int(value.varint(3)?.cast_signed()),
            4 => Value::Double(f64::from_bits(value.fixed64(4)?)),
            5 => Value::Array(checked_array(value.bytes(5)?, depth)?),
            6 => Value::Map(checked_map(value.bytes(6)?, depth)?),
            7 => Value::Bytes(value.bytes(7)?),
            _ => found,
        };
    }
    Ok(found)
}

fn checked_array(message: &[u8], depth: u32) -> Result<&[u8], Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            any_value_at(value.bytes(1)?, depth)?;
        }
    }
    Ok(message)
}

fn checked_map(message: &[u8], depth: u32) -> Result<&[u8], Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            let mut entry = Fields::of(value.bytes(1)?);
            while let Some((number, value)) = entry.next_field()? {
                match number {
                    1 => {
                        value.bytes(1)?;
                    }
                    2 => {
                        any_value_at(value.bytes(2)?, depth)?;
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(message)
}
