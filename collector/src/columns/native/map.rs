//! `Map(LowCardinality(String), String)`, keys sorted by their bytes.
//!
//! On the wire: the state prefix of the keys, the end offset of each row (u64), the keys, the values. Telemetry
//! repeats itself: the next record mostly has the keys of the one before in the same order. That order's sorting
//! and the keys' indexes are remembered ([`Shape`]), so that such a row costs one comparison a key and no hash.

use super::{Column, Fixed, LowCardinality, Mark, Strings};
use crate::{
    columns::frames::Body,
    record::{Attribute, Value, text},
};

/// What becomes of a key that stands twice in one row.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Repeats {
    /// Stored as often as it came.
    #[default]
    Kept,
    /// The last one counts.
    LastWins,
}

#[derive(Debug, Default)]
pub struct Map {
    offsets: Fixed,
    /// Entries in all rows so far: the last offset.
    entries: u64,
    keys: LowCardinality,
    values: Strings,
    shape: Shape,
    repeats: Repeats,
}

/// The keys of the last row as they came, and what is known about them.
#[derive(Debug, Default)]
struct Shape {
    /// All keys, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// What is stored, in the order of the keys; equal keys stay in the order they came.
    stored: Vec<Stored>,
}

/// An entry of a row: its position among the attributes and the dictionary index of its key.
#[derive(Clone, Copy, Debug)]
struct Stored {
    position: u32,
    key: u32,
}

impl Map {
    pub fn new(repeats: Repeats) -> Self {
        Self { repeats, ..Self::default() }
    }

    /// Appends one row.
    #[inline]
    pub fn push(&mut self, attributes: &[Attribute<'_>]) {
        if !self.shape.fits(attributes) {
            self.shape.learn(attributes, &mut self.keys, self.repeats);
        }
        for entry in &self.shape.stored {
            self.keys.push_index(entry.key);
            push_value(attributes[entry.position as usize].value, &mut self.values);
        }
        self.entries += self.shape.stored.len() as u64;
        self.offsets.push(self.entries.to_le_bytes());
    }

    /// Appends the same row so many times.
    pub fn push_repeated(&mut self, attributes: &[Attribute<'_>], times: usize) {
        let Some(more) = times.checked_sub(1) else { return };
        let (keys, values) = (self.keys.rows(), self.values.place());
        self.push(attributes);
        self.keys.repeat_since(keys, more);
        self.values.repeat_since(values, more);
        let length = self.shape.stored.len() as u64;
        for _ in 0..more {
            self.entries += length;
            self.offsets.push(self.entries.to_le_bytes());
        }
    }
}

impl Column for Map {
    fn size(&self) -> usize {
        self.offsets.size() + self.keys.size() + self.values.size()
    }

    #[expect(clippy::cast_possible_truncation, reason = "as many entries as fit into memory")]
    fn mark(&self) -> Mark {
        Mark([self.entries as usize, self.values.size(), self.offsets.size(), 0, 0])
    }

    fn rollback(&mut self, Mark([entries, values, offsets, ..]): Mark) {
        self.entries = entries as u64;
        self.keys.rollback(Mark([entries, 0, 0, 0, 0]));
        self.values.rollback(Mark([values, 0, 0, 0, 0]));
        self.offsets.rollback(Mark([offsets, 0, 0, 0, 0]));
    }

    fn settle(&mut self) {
        self.offsets.settle();
        self.values.settle();
    }

    fn write_prefix(&self, body: &mut Body) {
        self.keys.write_prefix(body);
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        self.offsets.drain_values_into(body);
        self.keys.drain_values_into(body);
        self.values.drain_values_into(body);
        self.entries = 0;
        // Its indexes point into a dictionary that is gone.
        self.shape.forget();
    }
}

#[inline]
fn push_value(value: Value<'_>, values: &mut Strings) {
    match value {
        Value::String(text) => values.push(text),
        other => values.push_with(|out| text::append(other, out)),
    }
}

impl Shape {
    #[inline]
    fn fits(&self, attributes: &[Attribute<'_>]) -> bool {
        if attributes.len() != self.ends.len() {
            return false;
        }
        let mut start = 0;
        attributes.iter().zip(&self.ends).all(|(attribute, end)| {
            let key = &self.bytes[start..*end];
            start = *end;
            attribute.key == key
        })
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "a request holds fewer than 4 billion attributes")]
    fn learn(&mut self, attributes: &[Attribute<'_>], keys: &mut LowCardinality, repeats: Repeats) {
        self.forget();
        for (position, attribute) in attributes.iter().enumerate() {
            self.bytes.extend_from_slice(attribute.key);
            self.ends.push(self.bytes.len());
            self.stored.push(Stored { position: position as u32, key: keys.index_of(attribute.key) });
        }
        self.stored.sort_by_key(|entry| attributes[entry.position as usize].key);
        if repeats == Repeats::LastWins {
            self.stored.dedup_by(|later, kept| {
                let is_equal = later.key == kept.key;
                if is_equal {
                    *kept = *later;
                }
                is_equal
            });
        }
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.stored.clear();
    }
}
