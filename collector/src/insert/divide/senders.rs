//! Who waits for which rows of a divided block.
//!
//! Comes in: the duties of a block, and what became of its rows, part by part. Goes out: an outcome for each duty, as soon
//! as all of its rows are spoken of. Must not have rows sent again of which some are stored, where it is known what became
//! of all; nor refuse a request's rows that nobody has looked at, where none of them is stored.

use std::{ops::Range, time::Duration};

use crate::ack::{Ack, Outcome, RETRY_AFTER};

/// What became of some rows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Stored,
    /// Not stored, or not known to be.
    Again(Duration),
    /// ClickHouse never takes this row.
    Refused,
    /// Some of these are refused, and nobody has looked which.
    Unseen,
}

/// Rows, by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) stored: u64,
    pub(super) again: u64,
    pub(super) refused: u64,
    pub(super) unseen: u64,
    after: Duration,
}

#[derive(Debug)]
struct Share {
    ack: Ack,
    rows: Range<u64>,
    tally: Tally,
}

#[derive(Debug)]
pub(super) struct Senders {
    /// In the order of their rows; none where one has been told.
    shares: Vec<Option<Share>>,
    ends: Vec<u64>,
    pub(super) total: Tally,
}

impl Tally {
    fn add(&mut self, rows: u64, fate: Fate) {
        match fate {
            Fate::Stored => self.stored += rows,
            Fate::Refused => self.refused += rows,
            Fate::Unseen => self.unseen += rows,
            Fate::Again(after) => {
                self.again += rows;
                self.after = self.after.max(after);
            }
        }
    }

    const fn rows(&self) -> u64 {
        self.stored + self.again + self.refused + self.unseen
    }
}

impl Share {
    fn tell(self) {
        let Tally { stored, again, refused, unseen, after } = self.tally;
        match (again, stored, unseen) {
            (0, 0, 0) => self.ack.refused(refused, "ClickHouse refuses all of these records for good"),
            (0, 0, _) => self.ack.settle(Outcome::Retry { after: RETRY_AFTER }),
            // Sent again, what is stored would be stored again, and so without end: nobody would look at more.
            (0, ..) => self.ack.stored_but_for(refused + unseen),
            _ => self.ack.settle(Outcome::Retry { after }),
        }
    }
}

impl Senders {
    /// The rows of each duty go up to its end.
    pub(super) fn new(acks: Vec<Ack>, ends: Vec<u64>) -> Self {
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let own = starts.zip(&ends).map(|(start, end)| start..*end);
        let shares = acks.into_iter().zip(own);
        let shares = shares.map(|(ack, rows)| Some(Share { ack, rows, tally: Tally::default() })).collect();
        Self { shares, ends, total: Tally::default() }
    }

    /// This became of rows of which nothing was known.
    pub(super) fn decide(&mut self, rows: &Range<u64>, fate: Fate) {
        self.total.add(rows.end - rows.start, fate);
        let first = self.ends.partition_point(|end| *end <= rows.start);
        for share in self.shares.iter_mut().skip(first).flatten().take_while(|share| share.rows.start < rows.end) {
            share.tally.add(rows.end.min(share.rows.end) - rows.start.max(share.rows.start), fate);
        }
    }

    /// Tells everybody of whose rows all is known.
    pub(super) fn tell(&mut self) {
        for share in &mut self.shares {
            if let Some(known) = share.take_if(|share| share.tally.rows() >= share.rows.end - share.rows.start) {
                known.tell();
            }
        }
    }

    /// The duties of all that have not been told.
    pub(super) fn into_acks(self) -> Vec<Ack> {
        self.shares.into_iter().flatten().map(|share| share.ack).collect()
    }
}

#[cfg(test)]
mod tests;
