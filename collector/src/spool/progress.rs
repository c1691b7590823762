//! Which deliveries are done.
//!
//! Comes in: blocks begun, made and stored. Goes out: the mark, below which nothing is needed any more. Pure.

use std::collections::BTreeMap;

use crate::making::Seq;

/// What keeps deliveries from being done.
#[derive(Debug)]
pub struct Progress {
    /// Every delivery below is assembled, and no open block has rows of it.
    assembled: Seq,
    /// The first deliveries of blocks that are made and not stored, and how many blocks begin there.
    held: BTreeMap<Seq, u32>,
}

impl Progress {
    pub const fn new(mark: Seq) -> Self {
        Self { assembled: mark, held: BTreeMap::new() }
    }

    /// Every delivery below is done.
    pub fn mark(&self) -> Seq {
        self.held.first_key_value().map_or(self.assembled, |(first, _)| self.assembled.min(*first))
    }

    pub fn assembled_below(&mut self, seq: Seq) {
        self.assembled = self.assembled.max(seq);
    }

    /// A block that begins with this delivery is made.
    pub fn hold(&mut self, first: Seq) {
        *self.held.entry(first).or_default() += 1;
    }

    /// A block that begins with this delivery is stored, or given up.
    pub fn release(&mut self, first: Seq) {
        if let Some(count) = self.held.get_mut(&first) {
            *count -= 1;
            if *count == 0 {
                self.held.remove(&first);
            }
        }
    }

    /// Blocks that are made and not stored.
    pub fn blocks(&self) -> usize {
        self.held.values().map(|count| *count as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_at_the_first_delivery_that_a_block_still_needs() {
        let mut progress = Progress::new(3);
        progress.hold(3);
        progress.hold(5);
        progress.hold(5);
        progress.assembled_below(9);
        assert_eq!((progress.mark(), progress.blocks()), (3, 3));
        progress.release(3);
        progress.release(5);
        assert_eq!(progress.mark(), 5);
        progress.release(5);
        assert_eq!((progress.mark(), progress.blocks()), (9, 0));
    }

    #[test]
    fn the_mark_never_goes_back() {
        let mut progress = Progress::new(3);
        progress.assembled_below(9);
        progress.assembled_below(4);
        assert_eq!(progress.mark(), 9);
    }
}
