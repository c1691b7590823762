//! `Array(T)`: the end offset of each row (u64), then the elements of all rows.
//!
//! The prefix of the elements' column comes before the offsets. Arrays whose rows are all empty have offsets and
//! nothing after them, which the columns of the elements see to themselves.

use super::{Column, Fixed, Mark};
use crate::columns::frames::Body;

/// A column of lists of what `C` builds.
#[derive(Debug, Default)]
pub struct Array<C> {
    offsets: Fixed,
    /// Elements in all rows so far: the last offset.
    elements: u64,
    values: C,
}

impl<C> Array<C> {
    /// An array over a builder that is not the default one.
    pub fn of(values: C) -> Self {
        Self { offsets: Fixed::default(), elements: 0, values }
    }

    /// Where the elements of the next row are pushed, before [`Self::end_row`].
    #[inline]
    pub fn values(&mut self) -> &mut C {
        &mut self.values
    }

    /// Ends a row of so many elements.
    #[inline]
    pub fn end_row(&mut self, elements: usize) {
        self.elements += elements as u64;
        self.offsets.push(self.elements.to_le_bytes());
    }
}

impl<C: Column> Column for Array<C> {
    fn size(&self) -> usize {
        self.offsets.size() + self.values.size()
    }

    #[expect(clippy::cast_possible_truncation, reason = "as many elements as fit into memory")]
    fn mark(&self) -> Mark {
        let Mark([a, b, c, ..]) = self.values.mark();
        Mark([a, b, c, self.elements as usize, self.offsets.size()])
    }

    fn rollback(&mut self, Mark([a, b, c, elements, offsets]): Mark) {
        self.values.rollback(Mark([a, b, c, 0, 0]));
        self.elements = elements as u64;
        self.offsets.rollback(Mark([offsets, 0, 0, 0, 0]));
    }

    fn settle(&mut self) {
        self.offsets.settle();
        self.values.settle();
    }

    fn make_keys_unique(&mut self) {
        self.values.make_keys_unique();
    }

    fn write_prefix(&self, body: &mut Body) {
        self.values.write_prefix(body);
    }

    fn drain_values_into(&mut self, body: &mut Body) {
        self.offsets.drain_values_into(body);
        self.values.drain_values_into(body);
        self.elements = 0;
    }
}
