//! `Map(LowCardinality(String), String)`, keys sorted by their bytes.
//!
//! On the wire: the state prefix of the keys, the end offset of each row (u64), the keys, the values. Telemetry
//! repeats itself: a record mostly has the keys of one shortly before it in the same order. That order's sorting
//! and the keys' indexes are remembered ([`shapes`]), so that such a row costs one comparison a key and no hash.

use super::{Column, Fixed, LowCardinality, Mark, Strings};
use crate::{
    columns::frames::Body,
    record::{Attribute, Value, text},
};

mod shapes;

use shapes::Shapes;

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
    shapes: Shapes,
    repeats: Repeats,
}

impl Map {
    pub fn new(repeats: Repeats) -> Self {
        Self { repeats, ..Self::default() }
    }

    /// Appends one row.
    #[inline]
    pub fn push(&mut self, attributes: &[Attribute<'_>]) {
        self.push_and_count(attributes);
    }

    #[inline]
    fn push_and_count(&mut self, attributes: &[Attribute<'_>]) -> usize {
        let shape = self.shapes.of(attributes, &mut self.keys, self.repeats);
        self.keys.push_row(&shape.keys);
        for position in &shape.order {
            push_value(attributes[*position as usize].value, &mut self.values);
        }
        self.entries += shape.order.len() as u64;
        self.offsets.push(self.entries.to_le_bytes());
        shape.order.len()
    }

    /// Appends the same row so many times.
    pub fn push_repeated(&mut self, attributes: &[Attribute<'_>], times: usize) {
        let Some(more) = times.checked_sub(1) else { return };
        let (keys, values) = (self.keys.rows(), self.values.place());
        let length = self.push_and_count(attributes) as u64;
        self.keys.repeat_since(keys, more);
        self.values.repeat_since(values, more);
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

    fn make_keys_unique(&mut self) {
        self.repeats = Repeats::LastWins;
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
        self.shapes.forget();
    }
}

#[inline]
fn push_value(value: Value<'_>, values: &mut Strings) {
    match value {
        Value::String(text) => values.push(text),
        other => values.push_with(|out| text::append(other, out)),
    }
}
