//! What ClickStack does to a log record before it is stored.
//!
//! Comes in: a decoded record. Goes out: its attributes and its severity as they are stored; the rest of it stays as
//! it is. This is the transform of ClickStack's own collector, quirk by quirk, because the quirks show in stored rows:
//!
//! 1. a body that holds a JSON object, or is a map, is merged into the attributes, which are flattened ([`json_body`]);
//! 2. a record without severity gets one from its attributes, or else from its body, and the text of every severity
//!    is in lower case ([`severity`]).
//!
//! Must not keep a record, and must not allocate for one that needs no change.

use bumpalo::Bump;

use crate::record::{Attribute, LogRecord, Stored};

mod json_body;
mod severity;

use json_body::Merge;

/// Bytes of room kept for the next record; what one strange record needed is given back.
const LARGEST_ROOM: usize = 4 << 20;

/// Room that is reused from record to record.
#[derive(Debug, Default)]
pub struct Transform {
    /// Texts made for the present record: joined keys, strings without their escapes.
    arena: Bump,
    merge: Merge,
    attributes: Vec<Attribute<'static>>,
    reads_numeric_levels: bool,
}

/// Whether a record is a part of a session replay, which is stored elsewhere and as it is.
#[inline]
pub fn is_session(record: &LogRecord<'_>) -> bool {
    record.attributes.iter().any(|attribute| attribute.key == b"rr-web.event")
}

impl Transform {
    /// `reads_numeric_levels`: whether a number in place of a level is one. ClickStack's own collector does not read it.
    pub fn new(reads_numeric_levels: bool) -> Self {
        Self { reads_numeric_levels, ..Self::default() }
    }

    /// Shows `store` what is stored of a record. Returns the bytes that were made for it.
    #[inline]
    pub fn log(&mut self, record: &LogRecord<'_>, store: impl FnOnce(&Stored<'_>)) -> usize {
        if self.arena.allocated_bytes() > LARGEST_ROOM {
            self.arena = Bump::new();
        }
        self.arena.reset();
        let mut merged = emptied(std::mem::take(&mut self.attributes));
        let mut made = 0;
        let attributes = if json_body::is_needed(record) {
            made = self.merge.run(record, &self.arena, &mut merged);
            &merged
        } else {
            &record.attributes
        };
        let (severity_text, severity_number) = severity::of(record, attributes, self.reads_numeric_levels, &self.arena);
        store(&Stored { attributes, severity_text, severity_number });
        if merged.capacity() * size_of::<Attribute<'_>>() > LARGEST_ROOM {
            merged = Vec::new();
        }
        self.attributes = emptied(merged);
        made
    }
}

/// The same allocation for attributes that live for another time.
fn emptied<'a>(attributes: Vec<Attribute<'_>>) -> Vec<Attribute<'a>> {
    attributes.into_iter().map_while(|_| None).collect()
}

#[cfg(test)]
mod tests;
