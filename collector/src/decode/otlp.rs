//! OTLP's protobuf messages, read in place.
//!
//! Fields may stand in any order, a resource or a schema URL after the records it belongs to; hence records
//! are handed on as they come and what they share follows when their group ends. A scalar that stands twice
//! counts last, the repeated fields of a message that stands twice add up, as protobuf demands. A record that cannot
//! be read costs itself alone: its length is known, so the next one is found.

use crate::record::{Malformed, Resource, Scope, wire::Fields};

mod logs;
mod metrics;
mod traces;
mod value;

pub use logs::{LogSink, logs};
pub use metrics::{PointSink, metrics};
pub use traces::{SpanSink, traces};

use value::{push_attribute, unsigned};

/// Where decoded records go; what is the same for every signal.
pub trait Sink<'a> {
    /// Why the sink takes no more of this request; decoding ends with it.
    type Refused: From<Malformed>;

    /// A record that cannot be read.
    fn reject(&mut self, malformed: Malformed) -> Result<(), Self::Refused>;
    /// Every record since the last call belongs to this scope.
    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Self::Refused>;
    /// Every record since the last call belongs to this resource.
    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Self::Refused>;
}

/// Walks through a request of any signal: they have the same field numbers down to the record, which `each` reads.
fn groups<'a, S: Sink<'a>>(
    request: &'a [u8],
    sink: &mut S,
    mut each: impl FnMut(&'a [u8], &mut S) -> Result<(), S::Refused>,
) -> Result<(), S::Refused> {
    let (mut resource, mut scope) = (Resource::default(), Scope::default());
    let mut fields = Fields::of(request);
    while let Some((number, value)) = fields.next_field()? {
        if number == 1 {
            resource_group(value.bytes(1)?, &mut resource, &mut scope, sink, &mut each)?;
        }
    }
    Ok(())
}

fn resource_group<'a, S: Sink<'a>>(
    message: &'a [u8],
    shared: &mut Resource<'a>,
    scope: &mut Scope<'a>,
    sink: &mut S,
    each: &mut impl FnMut(&'a [u8], &mut S) -> Result<(), S::Refused>,
) -> Result<(), S::Refused> {
    shared.attributes.clear();
    shared.schema_url = &[];
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => resource(value.bytes(1)?, shared)?,
            2 => scope_group(value.bytes(2)?, scope, sink, each)?,
            3 => shared.schema_url = value.bytes(3)?,
            _ => {}
        }
    }
    sink.end_resource(shared)
}

fn scope_group<'a, S: Sink<'a>>(
    message: &'a [u8],
    shared: &mut Scope<'a>,
    sink: &mut S,
    each: &mut impl FnMut(&'a [u8], &mut S) -> Result<(), S::Refused>,
) -> Result<(), S::Refused> {
    shared.attributes.clear();
    *shared = Scope { attributes: std::mem::take(&mut shared.attributes), ..Scope::default() };
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope(value.bytes(1)?, shared)?,
            2 => each(value.bytes(2)?, sink)?,
            3 => shared.schema_url = value.bytes(3)?,
            _ => {}
        }
    }
    sink.end_scope(shared)
}

fn resource<'a>(message: &'a [u8], resource: &mut Resource<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => push_attribute(value.bytes(1)?, &mut resource.attributes)?,
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

fn scope<'a>(message: &'a [u8], scope: &mut Scope<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => scope.name = value.bytes(1)?,
            2 => scope.version = value.bytes(2)?,
            3 => push_attribute(value.bytes(3)?, &mut scope.attributes)?,
            4 => scope.dropped_attributes = unsigned(value, 4)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
