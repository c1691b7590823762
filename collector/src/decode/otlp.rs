//! OTLP's protobuf messages, read in place.
//!
//! Fields may stand in any order, a resource or a schema URL after the records it belongs to; hence records
//! are handed on as they come and what they share follows when their group ends. A scalar that stands twice
//! counts last, the repeated fields of a message that stands twice add up, as protobuf demands.

use crate::record::{
    Attribute, LogRecord, Malformed, Resource, Scope, Value,
    wire::{Fields, Wire},
};

/// Values nested deeper are refused: reading them would need stack in proportion, and no sender means it.
/// prost, which most Rust senders use, gives up at 100 messages; an array costs two.
const MAX_DEPTH: u32 = 48;

/// Where decoded logs go.
pub trait LogSink<'a> {
    /// Why the sink takes no more of this request; decoding ends with it.
    type Refused: From<Malformed>;

    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Self::Refused>;
    /// Every record since the last call belongs to this scope.
    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Self::Refused>;
    /// Every record since the last call belongs to this resource.
    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Self::Refused>;
}

/// Room that one request's decoding reuses from record to record.
#[derive(Debug, Default)]
struct Scratch<'a> {
    record: LogRecord<'a>,
    scope: Scope<'a>,
    resource: Resource<'a>,
}

/// Reads an `ExportLogsServiceRequest` into the sink.
///
/// # Errors
/// The request is malformed, or the sink refuses it; the sink has then seen a part that must not be kept.
pub fn logs<'a, S: LogSink<'a>>(request: &'a [u8], sink: &mut S) -> Result<(), S::Refused> {
    let mut scratch = Scratch::default();
    let mut fields = Fields::of(request);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            resource_logs(value.bytes(1)?, &mut scratch, sink)?;
        }
    }
    Ok(())
}

fn resource_logs<'a, S: LogSink<'a>>(
    message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut S,
) -> Result<(), S::Refused> {
    scratch.resource.attributes.clear();
    scratch.resource.schema_url = &[];
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => resource(value.bytes(1)?, &mut scratch.resource)?,
            2 => scope_logs(value.bytes(2)?, scratch, sink)?,
            3 => scratch.resource.schema_url = value.bytes(3)?,
            _ => {}
        }
    }
    sink.end_resource(&scratch.resource)
}

fn resource<'a>(message: &'a [u8], resource: &mut Resource<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => resource.attributes.push(attribute(value.bytes(1)?)?),
            2 => {
                value.varint(2)?;
            }
            3 => {
                value.bytes(3)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn scope_logs<'a, S: LogSink<'a>>(
    message: &'a [u8],
    scratch: &mut Scratch<'a>,
    sink: &mut S,
) -> Result<(), S::Refused> {
    scratch.scope.attributes.clear();
    scratch.scope = Scope { attributes: std::mem::take(&mut scratch.scope.attributes), ..Scope::default() };
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope(value.bytes(1)?, &mut scratch.scope)?,
            2 => {
                scratch.record.clear();
                log_record(value.bytes(2)?, &mut scratch.record)?;
                sink.record(&scratch.record)?;
            }
            3 => scratch.scope.schema_url = value.bytes(3)?,
            _ => {}
        }
    }
    sink.end_scope(&scratch.scope)
}

fn scope<'a>(message: &'a [u8], scope: &mut Scope<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope.name = value.bytes(1)?,
            2 => scope.version = value.bytes(2)?,
            3 => scope.attributes.push(attribute(value.bytes(3)?)?),
            4 => {
                value.varint(4)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[inline]
fn log_record<'a>(message: &'a [u8], record: &mut LogRecord<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => record.time = value.fixed64(1)?,
            2 => record.severity_number = enumeration(value, 2)?,
            3 => record.severity_text = value.bytes(3)?,
            5 => record.body = any_value(value.bytes(5)?)?.over(record.body),
            6 => record.attributes.push(attribute(value.bytes(6)?)?),
            7 => {
                value.varint(7)?;
            }
            8 => record.flags = value.fixed32(8)?,
            9 => record.trace_id = value.bytes(9)?,
            10 => record.span_id = value.bytes(10)?,
            11 => record.observed_time = value.fixed64(11)?,
            12 => record.event_name = value.bytes(12)?,
            _ => {}
        }
    }
    Ok(())
}

/// Protobuf's `int32` on the wire: a 64-bit varint, cut.
#[expect(clippy::cast_possible_truncation, reason = "what the official decoders do")]
fn enumeration(value: Wire<'_>, number: u32) -> Result<i32, Malformed> {
    value.varint(number).map(|value| value as i32)
}

/// A `KeyValue`.
#[inline]
pub fn attribute(message: &[u8]) -> Result<Attribute<'_>, Malformed> {
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
fn any_value(message: &[u8]) -> Result<Value<'_>, Malformed> {
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

#[cfg(test)]
mod tests;
