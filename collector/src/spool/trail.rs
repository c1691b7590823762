//! The positions in the spool's entries that no checkpoint has yet.
//!
//! Comes in: positions that are committed, and batches that were turned away. Goes out: what has to be written down again
//! before segments are given back, and whether a batch may be kept now. At most a limit: beyond it the oldest are
//! forgotten, and their lines may be read again. Pure. The whole story is that of [`crate::positions`].

use std::collections::VecDeque;

use crate::{
    making::Seq,
    positions::{Positions, Saved, Shared},
};

/// What an entry takes here besides its bytes.
const ITEM: usize = 64;

/// Of any spool. A batch has some 250 bytes for a file, so these are seconds of a busy node.
const LARGEST: usize = 4 << 20;

#[derive(Debug)]
pub struct Trail {
    /// In the order of the log: a delivery that stands in the same segment or in one before it, and the positions.
    held: VecDeque<(Seq, Positions)>,
    bytes: usize,
    limit: usize,
    saved: Saved,
    /// The first batch that was turned away and has not come again.
    missing: Option<u64>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { held: VecDeque::new(), bytes: 0, limit: LARGEST, saved: Saved::default(), missing: None }
    }
}

impl Trail {
    /// The same, of no more than so many bytes from the next change on.
    #[must_use]
    pub fn within(self, limit: usize) -> Self {
        Self { limit: limit.min(LARGEST), ..self }
    }

    /// What a reader of files has to know.
    pub fn shared(&self) -> Shared {
        Shared {
            earlier: self.held.iter().map(|(_, positions)| positions.clone()).collect(),
            saved: self.saved.clone(),
        }
    }

    /// Positions are on the disk, in the segment of this delivery or in one that follows. Goes out: how many had to be
    /// forgotten for it.
    pub fn add(&mut self, at: Seq, positions: Positions) -> usize {
        self.bytes += size(&positions);
        self.held.push_back((at, positions));
        self.forget_saved();
        let before = self.held.len();
        while self.bytes > self.limit && self.drop_first() {}
        before - self.held.len()
    }

    /// Whether no batch before this one has still to come.
    pub fn is_next(&self, batch: u64) -> bool {
        self.missing.is_none_or(|missing| batch <= missing)
    }

    /// Its sender was told to send it again.
    pub fn turned_away(&mut self, batch: u64) {
        self.missing = Some(self.missing.map_or(batch, |missing| missing.min(batch)));
    }

    /// It is kept, or somebody else answers for it.
    pub fn came(&mut self, batch: u64) {
        if self.missing == Some(batch) {
            self.missing = None;
        }
    }

    /// What stands in segments before the one that begins with this delivery.
    pub fn below(&mut self, first: Seq) -> Vec<Positions> {
        self.forget_saved();
        self.held.iter().filter(|(at, _)| *at < first).map(|(_, positions)| positions.clone()).collect()
    }

    /// That is written down again, in a segment in which this delivery may be the next.
    pub fn written_again(&mut self, first: Seq, next: Seq) {
        let at = next.saturating_sub(1);
        self.held.iter_mut().filter(|(old, _)| *old < first).for_each(|(old, _)| *old = at);
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn forget_saved(&mut self) {
        let saved = self.saved.batch();
        while self.held.front().is_some_and(|(_, positions)| positions.batch <= saved) && self.drop_first() {}
    }

    fn drop_first(&mut self) -> bool {
        let Some((_, positions)) = self.held.pop_front() else { return false };
        self.bytes -= size(&positions);
        true
    }
}

fn size(positions: &Positions) -> usize {
    ITEM + positions.places.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(batch: u64) -> Positions {
        Positions { batch, places: vec![7; 36].into() }
    }

    fn batches(trail: &Trail) -> Vec<u64> {
        trail.shared().earlier.iter().map(|positions| positions.batch).collect()
    }

    #[test]
    fn what_a_checkpoint_has_is_forgotten_and_the_oldest_beyond_the_limit() {
        let mut trail = Trail::default().within(1_000);
        for batch in 1..=10 {
            assert_eq!(trail.add(batch, positions(batch)), 0);
        }
        assert_eq!((trail.add(11, positions(11)), trail.bytes()), (1, 1_000));
        assert_eq!(batches(&trail)[0], 2);
        trail.shared().saved.upto(9);
        assert_eq!(trail.add(12, positions(12)), 0);
        assert_eq!((batches(&trail), trail.bytes()), (vec![10, 11, 12], 300));
    }

    #[test]
    fn what_stands_in_a_segment_that_goes_is_written_again_once() {
        let mut trail = Trail::default();
        for batch in 1..=4 {
            trail.add(batch * 10, positions(batch));
        }
        let below = trail.below(21);
        assert_eq!(below, [positions(1), positions(2)]);
        trail.written_again(21, 50);
        assert_eq!(trail.below(40), [positions(3)], "the rest stands with delivery 49");
        trail.written_again(40, 50);
        assert_eq!(trail.below(50).len(), 4);
        trail.shared().saved.upto(4);
        assert_eq!(trail.below(50), []);
    }

    #[test]
    fn a_batch_waits_until_those_before_it_have_come_again() {
        let mut trail = Trail::default();
        trail.turned_away(5);
        trail.turned_away(4);
        trail.turned_away(6);
        assert_eq!([4, 5].map(|batch| trail.is_next(batch)), [true, false]);
        trail.came(5);
        assert!(!trail.is_next(5));
        trail.came(4);
        assert!(trail.is_next(9));
    }
}
