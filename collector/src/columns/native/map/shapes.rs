//! Shapes of rows seen lately: which keys in which order, and what is known about them.
//!
//! Comes in: the attributes of a row. Goes out: the order in which they are stored and the dictionary indexes of their
//! keys. Some programs write one line again and again, most write a dozen in turn; hence more than one is kept.

use super::{LowCardinality, Repeats};
use crate::{columns::native::low_cardinality::Row, record::Attribute};

/// Shapes kept: the lines a handful of programs write in turn. A shape that is not there costs a hash for each key.
const KEPT: usize = 32;

/// The shapes of one column's rows, for as long as its dictionary lives.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    shapes: Vec<Shape>,
    /// The shape of the last row: mostly that of the next one.
    last: usize,
    /// The shape that is overwritten next, once there are enough.
    oldest: usize,
}

/// A list of keys.
#[derive(Debug, Default)]
pub(super) struct Shape {
    signature: u64,
    /// All keys as they came, one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<u32>,
    /// Positions of what is stored, in the order of the keys; equal keys stay in the order they came.
    pub(super) order: Vec<u32>,
    /// Dictionary indexes of the stored keys.
    pub(super) keys: Row,
}

impl Shapes {
    /// The shape of a row, learned if it is new.
    #[inline]
    pub(super) fn of(&mut self, attributes: &[Attribute<'_>], keys: &mut LowCardinality, repeats: Repeats) -> &Shape {
        if !self.shapes.get(self.last).is_some_and(|shape| shape.fits(attributes)) {
            self.last = self.find_or_learn(attributes, keys, repeats);
        }
        &self.shapes[self.last]
    }

    fn find_or_learn(&mut self, attributes: &[Attribute<'_>], keys: &mut LowCardinality, repeats: Repeats) -> usize {
        let signature = signature(attributes);
        let is_it = |shape: &Shape| shape.signature == signature && shape.fits(attributes);
        if let Some(found) = self.shapes.iter().position(is_it) {
            return found;
        }
        if self.shapes.len() < KEPT {
            self.shapes.push(Shape::default());
            self.oldest = self.shapes.len() - 1;
        } else {
            self.oldest = (self.oldest + 1) % KEPT;
        }
        self.shapes[self.oldest].learn(signature, attributes, keys, repeats);
        self.oldest
    }

    /// The dictionary is gone, and so are the indexes into it.
    pub(super) fn forget(&mut self) {
        self.shapes.clear();
        (self.last, self.oldest) = (0, 0);
    }
}

/// Tells most shapes apart without comparing their keys.
fn signature(attributes: &[Attribute<'_>]) -> u64 {
    attributes.iter().fold(attributes.len() as u64, |sum, Attribute { key, .. }| {
        let last = u64::from(key.last().copied().unwrap_or(0));
        (sum.rotate_left(5) ^ (key.len() as u64) << 8 ^ last).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

impl Shape {
    #[inline]
    fn fits(&self, attributes: &[Attribute<'_>]) -> bool {
        if attributes.len() != self.ends.len() {
            return false;
        }
        let mut start = 0;
        attributes.iter().zip(&self.ends).all(|(attribute, end)| {
            let key = &self.bytes[start..*end as usize];
            start = *end as usize;
            attribute.key == key
        })
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "a request holds fewer than 4 GiB of keys")]
    fn learn(&mut self, signature: u64, attributes: &[Attribute<'_>], keys: &mut LowCardinality, repeats: Repeats) {
        self.signature = signature;
        self.bytes.clear();
        self.ends.clear();
        for attribute in attributes {
            self.bytes.extend_from_slice(attribute.key);
            self.ends.push(self.bytes.len() as u32);
        }
        self.order.clear();
        self.order.extend(0..attributes.len() as u32);
        self.order.sort_by_key(|position| attributes[*position as usize].key);
        if repeats == Repeats::LastWins {
            self.order.dedup_by(|later, kept| {
                let is_equal = attributes[*later as usize].key == attributes[*kept as usize].key;
                if is_equal {
                    *kept = *later;
                }
                is_equal
            });
        }
        self.keys.learn(self.order.iter().map(|position| keys.index_of(attributes[*position as usize].key)));
    }
}
