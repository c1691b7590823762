//! `ExportTraceServiceRequest`.

use super::{
    Sink, groups,
    value::{enumeration, push_attribute},
};
use crate::record::{Attribute, Event, Link, Malformed, Span, wire::Fields};

/// Where decoded spans go.
pub trait SpanSink<'a>: Sink<'a> {
    fn span(&mut self, span: &Span<'a>) -> Result<(), Self::Refused>;
}

/// Reads a request into the sink.
///
/// # Errors
/// The request is malformed, or the sink refuses it; the sink has then seen a part that must not be kept.
pub fn traces<'a, S: SpanSink<'a>>(request: &'a [u8], sink: &mut S) -> Result<(), S::Refused> {
    let mut scratch = Span::default();
    groups(request, sink, |message, sink| {
        scratch.clear();
        match span(message, &mut scratch) {
            Ok(()) => sink.span(&scratch),
            Err(malformed) => sink.reject(malformed),
        }
    })
}

#[inline]
fn span<'a>(message: &'a [u8], span: &mut Span<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => span.trace_id = value.bytes(1)?,
            2 => span.span_id = value.bytes(2)?,
            3 => span.trace_state = value.bytes(3)?,
            4 => span.parent_span_id = value.bytes(4)?,
            5 => span.name = value.bytes(5)?,
            6 => span.kind = enumeration(value, 6)?,
            7 => span.start = value.fixed64(7)?,
            8 => span.end = value.fixed64(8)?,
            9 => push_attribute(value.bytes(9)?, &mut span.attributes)?,
            11 => {
                let event = event(value.bytes(11)?, &mut span.nested)?;
                span.events.push(event);
            }
            13 => {
                let link = link(value.bytes(13)?, &mut span.nested)?;
                span.links.push(link);
            }
            15 => status(value.bytes(15)?, span)?,
            10 | 12 | 14 => {
                value.varint(number)?;
            }
            16 => {
                value.fixed32(16)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn event<'a>(message: &'a [u8], nested: &mut Vec<Attribute<'a>>) -> Result<Event<'a>, Malformed> {
    let first = nested.len();
    let (mut time, mut name): (u64, &[u8]) = (0, &[]);
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => time = value.fixed64(1)?,
            2 => name = value.bytes(2)?,
            3 => push_attribute(value.bytes(3)?, nested)?,
            4 => {
                value.varint(4)?;
            }
            _ => {}
        }
    }
    Ok(Event { time, name, attributes: first..nested.len() })
}

fn link<'a>(message: &'a [u8], nested: &mut Vec<Attribute<'a>>) -> Result<Link<'a>, Malformed> {
    let first = nested.len();
    let mut link = Link { trace_id: &[], span_id: &[], trace_state: &[], attributes: 0..0 };
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => link.trace_id = value.bytes(1)?,
            2 => link.span_id = value.bytes(2)?,
            3 => link.trace_state = value.bytes(3)?,
            4 => push_attribute(value.bytes(4)?, nested)?,
            5 => {
                value.varint(5)?;
            }
            6 => {
                value.fixed32(6)?;
            }
            _ => {}
        }
    }
    link.attributes = first..nested.len();
    Ok(link)
}

fn status<'a>(message: &'a [u8], span: &mut Span<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => span.status_message = value.bytes(2)?,
            3 => span.status_code = enumeration(value, 3)?,
            _ => {}
        }
    }
    Ok(())
}
