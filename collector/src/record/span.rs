//! A span with its events and links, read in place.

use std::ops::Range;

use super::Attribute;

/// One span.
#[derive(Clone, Debug, Default)]
pub struct Span<'a> {
    /// 16 bytes, or anything else where a sender is wrong.
    pub trace_id: &'a [u8],
    /// 8 bytes, or anything else where a sender is wrong.
    pub span_id: &'a [u8],
    pub parent_span_id: &'a [u8],
    pub trace_state: &'a [u8],
    pub name: &'a [u8],
    /// OTLP's `SpanKind`.
    pub kind: i32,
    /// Nanoseconds since the epoch.
    pub start: u64,
    pub end: u64,
    pub attributes: Vec<Attribute<'a>>,
    pub events: Vec<Event<'a>>,
    pub links: Vec<Link<'a>>,
    /// OTLP's `StatusCode`.
    pub status_code: i32,
    pub status_message: &'a [u8],
    /// The attributes of all events and links: one allocation for all of them.
    pub nested: Vec<Attribute<'a>>,
}

/// Something that happened during a span.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    pub time: u64,
    pub name: &'a [u8],
    /// Where its attributes are; see [`Span::nested`].
    pub attributes: Range<usize>,
}

/// Another span this one refers to.
#[derive(Clone, Debug)]
pub struct Link<'a> {
    pub trace_id: &'a [u8],
    pub span_id: &'a [u8],
    pub trace_state: &'a [u8],
    /// Where its attributes are; see [`Span::nested`].
    pub attributes: Range<usize>,
}

impl<'a> Span<'a> {
    /// Ready for the next span; what is allocated is kept.
    pub fn clear(&mut self) {
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        self.nested.clear();
        let Self { attributes, events, links, nested, .. } = std::mem::take(self);
        *self = Self { attributes, events, links, nested, ..Self::default() };
    }

    /// The attributes of an event or a link.
    pub fn nested(&self, range: &Range<usize>) -> &[Attribute<'a>] {
        &self.nested[range.clone()]
    }
}
