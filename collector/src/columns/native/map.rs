//! `Map(LowCardinality(String), String)`, keys sorted by their bytes.
//!
//! On the wire: the state prefix of the keys, the end offset of each row (u64), the keys, the values. Telemetry
//! repeats itself: the next record mostly has the keys of the one before in the same order. That order's sorting
//! and the keys' indexes are remembered ([`Shape`]), so that such a row costs one comparison a key and no hash.

use super::{Fixed, LowCardinality, Strings, low_cardinality};
use crate::{
    columns::frames::Body,
    record::{Attribute, Value, text},
};

#[derive(Debug, Default)]
pub struct Map {
    offsets: Fixed,
    /// Entries in all rows so far: the last offset.
    entries: u64,
    keys: LowCardinality,
    values: Strings,
    shape: Shape,
}

/// A length to which a column can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct MapMark {
    entries: u64,
    values: usize,
    offsets: usize,
}

/// The keys of the last row as they came, and what is known about them.
#[derive(Debug, Default)]
struct Shape {
    /// All keys, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Positions in the order of their keys; equal keys stay in the order they came.
    order: Vec<u32>,
    /// Dictionary index of each key, by position.
    indexes: Vec<u32>,
}

impl Map {
    /// Appends one row.
    #[inline]
    pub fn push(&mut self, attributes: &[Attribute<'_>]) {
        if !self.shape.fits(attributes) {
            self.shape.learn(attributes, &mut self.keys);
        }
        for position in &self.shape.order {
            self.keys.push_index(self.shape.indexes[*position as usize]);
            push_value(attributes[*position as usize].value, &mut self.values);
        }
        self.entries += attributes.len() as u64;
        self.offsets.push(self.entries.to_le_bytes());
    }

    /// Appends the same row so many times.
    pub fn push_repeated(&mut self, attributes: &[Attribute<'_>], times: usize) {
        let Some(more) = times.checked_sub(1) else { return };
        let (keys, values) = (self.keys.rows(), self.values.mark());
        self.push(attributes);
        self.keys.repeat_since(keys, more);
        self.values.repeat_since(values, more);
        for _ in 0..more {
            self.entries += attributes.len() as u64;
            self.offsets.push(self.entries.to_le_bytes());
        }
    }

    /// Bytes of memory that grow with the rows.
    pub fn bytes(&mut self) -> usize {
        self.offsets.stream().size() + self.keys.bytes() + self.values.stream().size()
    }

    pub fn mark(&mut self) -> MapMark {
        MapMark { entries: self.entries, values: self.values.stream().size(), offsets: self.offsets.stream().size() }
    }

    /// Takes back every row since the mark; [`Self::settle`] must not have been called in between.
    #[expect(clippy::cast_possible_truncation, reason = "as many entries as fit into memory")]
    pub fn rollback(&mut self, mark: MapMark) {
        self.entries = mark.entries;
        self.keys.truncate(mark.entries as usize);
        self.values.stream().truncate(mark.values);
        self.offsets.stream().truncate(mark.offsets);
    }

    pub fn settle(&mut self) {
        self.offsets.stream().settle();
        self.values.stream().settle();
    }

    /// Moves the column into a body and starts anew.
    pub fn drain_into(&mut self, body: &mut Body) {
        body.write(&low_cardinality::PREFIX);
        self.offsets.stream().drain_into(body);
        self.keys.drain_values_into(body);
        self.values.stream().drain_into(body);
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
    fn learn(&mut self, attributes: &[Attribute<'_>], keys: &mut LowCardinality) {
        self.forget();
        for attribute in attributes {
            self.bytes.extend_from_slice(attribute.key);
            self.ends.push(self.bytes.len());
            self.indexes.push(keys.index_of(attribute.key));
        }
        self.order.extend(0..attributes.len() as u32);
        self.order.sort_by_key(|position| attributes[*position as usize].key);
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.order.clear();
        self.indexes.clear();
    }
}
