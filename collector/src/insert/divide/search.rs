//! Which part of a refused block is sent next.
//!
//! Comes in: how many rows there are, where each request ends, and what ClickHouse says of each part. Goes out: the rows
//! of the next part, until all are looked at or the number of parts is used up. Must not name a row twice, but inside a
//! part that was refused.

use std::{collections::VecDeque, ops::Range};

/// Parts of one block that are sent at the most. One bad row among 100,000 takes 34.
const MOST_PARTS: usize = 128;

/// Parts that are looked at whole while none is stored: two halves and four quarters.
const WIDE_IN_VAIN: usize = 2 + 4;

/// Then single rows from as many places, before the rows are not what is wrong: bad ones may be everywhere.
const SAMPLES: usize = 8;

#[derive(Debug)]
pub(super) struct Search {
    /// Up to which row those of each request go.
    ends: Vec<u64>,
    /// Wide before deep: whoever has no bad row is found soon.
    waiting: VecDeque<Range<u64>>,
    sent: usize,
    has_stored: bool,
}

impl Search {
    /// In a block of so many rows that is refused.
    pub(super) fn new(rows: u64, ends: Vec<u64>) -> Self {
        let mut search = Self { ends, waiting: VecDeque::new(), sent: 0, has_stored: false };
        search.refused(0..rows);
        search
    }

    pub(super) fn next(&mut self) -> Option<Range<u64>> {
        let is_in_vain = !self.has_stored && self.sent >= WIDE_IN_VAIN + SAMPLES;
        if is_in_vain || self.sent >= MOST_PARTS {
            return None;
        }
        let mut rows = self.waiting.pop_front()?;
        if let Some(turn) = self.sent.checked_sub(WIDE_IN_VAIN).filter(|_| !self.has_stored) {
            rows = self.sample(rows, turn as u64);
        }
        self.sent += 1;
        Some(rows)
    }

    /// One of these rows; the others wait. Each turn takes another place, lest all are the last ones of their requests.
    fn sample(&mut self, rows: Range<u64>, turn: u64) -> Range<u64> {
        let count = rows.end - rows.start;
        let row = rows.start + (count / 2 + turn) % count;
        self.waiting.extend([rows.start..row, row + 1..rows.end].into_iter().filter(|others| !others.is_empty()));
        row..row + 1
    }

    /// A part is stored: it is the rows that are to blame, and not the table.
    pub(super) fn stored(&mut self) {
        self.has_stored = true;
    }

    /// A part is refused: its halves are looked at, where it has any.
    pub(super) fn refused(&mut self, rows: Range<u64>) {
        if rows.end - rows.start > 1 {
            let middle = middle(&rows, &self.ends);
            self.waiting.extend([rows.start..middle, middle..rows.end]);
        }
    }

    pub(super) const fn has_stored(&self) -> bool {
        self.has_stored
    }

    pub(super) const fn sent(&self) -> usize {
        self.sent
    }

    /// Whether some of these rows wait to be looked at.
    pub(super) fn is_waiting_in(&self, rows: &Range<u64>) -> bool {
        self.waiting.iter().any(|waiting| rows.start <= waiting.start && waiting.end <= rows.end)
    }

    /// What nobody has looked at.
    pub(super) fn give_up(&mut self) -> VecDeque<Range<u64>> {
        std::mem::take(&mut self.waiting)
    }
}

/// Where a request ends inside these rows, as near to their middle as it can be; or else their middle.
fn middle(rows: &Range<u64>, ends: &[u64]) -> u64 {
    let middle = rows.start + (rows.end - rows.start) / 2;
    let inside = ends.iter().filter(|end| (rows.start + 1..rows.end).contains(end));
    inside.copied().min_by_key(|end| end.abs_diff(middle)).unwrap_or(middle)
}

#[cfg(test)]
mod tests;
