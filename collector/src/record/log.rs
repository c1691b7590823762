//! A log record, read in place.

use super::{Attribute, Value};

/// One log record.
#[derive(Clone, Debug)]
pub struct LogRecord<'a> {
    /// Nanoseconds since the epoch; 0 is unknown.
    pub time: u64,
    /// When the collection system saw it, nanoseconds since the epoch; 0 is unknown.
    pub observed_time: u64,
    pub severity_number: i32,
    pub severity_text: &'a [u8],
    pub body: Value<'a>,
    pub attributes: Vec<Attribute<'a>>,
    pub flags: u32,
    /// 16 bytes, or anything else where a sender is wrong.
    pub trace_id: &'a [u8],
    /// 8 bytes, or anything else where a sender is wrong.
    pub span_id: &'a [u8],
    pub event_name: &'a [u8],
}

/// What is stored of a record in place of what its sender said.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'s> {
    pub attributes: &'s [Attribute<'s>],
    pub severity_text: &'s [u8],
    pub severity_number: i32,
}

impl Default for LogRecord<'_> {
    fn default() -> Self {
        Self {
            time: 0,
            observed_time: 0,
            severity_number: 0,
            severity_text: &[],
            body: Value::Empty,
            attributes: Vec::new(),
            flags: 0,
            trace_id: &[],
            span_id: &[],
            event_name: &[],
        }
    }
}

impl LogRecord<'_> {
    /// Ready for the next record; what is allocated is kept.
    pub fn clear(&mut self) {
        let mut attributes = std::mem::take(&mut self.attributes);
        attributes.clear();
        *self = Self { attributes, ..Self::default() };
    }

    /// When it happened, or when it was seen where nobody said.
    pub const fn timestamp(&self) -> u64 {
        if self.time == 0 { self.observed_time } else { self.time }
    }
}

impl<'s> Stored<'s> {
    /// As the sender said it.
    pub fn as_sent(record: &'s LogRecord<'_>) -> Self {
        Self {
            attributes: &record.attributes,
            severity_text: record.severity_text,
            severity_number: record.severity_number,
        }
    }
}
