//! Which rows of kept deliveries stand in blocks that an earlier process made.
//!
//! Comes in: what those blocks were made of. Goes out: whether a row is among them. Without it a restart would put rows
//! into a second block, under a second name. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    making::{Making, Seq},
    table::Table,
};

#[derive(Debug, Default)]
pub struct Coverage {
    /// First and last deliveries of the blocks of a table and day.
    blocks: BTreeMap<(Table, u64), Vec<(Seq, Seq)>>,
    passed: BTreeSet<Seq>,
    /// The last delivery anything is known of.
    last: Option<Seq>,
}

impl Coverage {
    pub fn new(made: &[Making], passed: BTreeSet<Seq>) -> Self {
        let mut blocks: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for making in made {
            let range = (*making.deliveries.start(), *making.deliveries.end());
            blocks.entry((making.table, making.day)).or_default().push(range);
        }
        let last = made.iter().map(|making| *making.deliveries.end()).chain(passed.last().copied()).max();
        Self { blocks, passed, last }
    }

    /// Whether anything may be known of this delivery.
    pub fn reaches(&self, seq: Seq) -> bool {
        self.last.is_some_and(|last| seq <= last)
    }

    /// Whether nothing of this delivery is to be done any more.
    pub fn has_passed(&self, seq: Seq) -> bool {
        self.passed.contains(&seq)
    }

    pub fn has(&self, seq: Seq, block: (Table, u64)) -> bool {
        self.reaches(seq)
            && (self.has_passed(seq)
                || self
                    .blocks
                    .get(&block)
                    .is_some_and(|ranges| ranges.iter().any(|(first, last)| (*first..=*last).contains(&seq))))
    }

    /// Nothing below is asked any more.
    pub fn forget_below(&mut self, seq: Seq) {
        if self.last.is_some_and(|last| last < seq) {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::making::{ALL_RECORDS, ENCODER, Name};

    fn block(table: Table, day: u64, deliveries: std::ops::RangeInclusive<Seq>) -> Making {
        let name = Name { writer: 1, number: 1 };
        Making { name, table, day, deliveries, records: ALL_RECORDS, rows: 1, encoder: ENCODER }
    }

    #[test]
    fn only_the_rows_of_a_blocks_own_table_and_day_are_in_it() {
        let coverage = Coverage::new(&[block(Table::Logs, 7, 3..=5)], BTreeSet::from([9]));
        for (seq, table, day, is_in) in [
            (2, Table::Logs, 7, false),
            (3, Table::Logs, 7, true),
            (5, Table::Logs, 7, true),
            (6, Table::Logs, 7, false),
            (4, Table::Logs, 8, false),
            (4, Table::Sessions, 7, false),
            (9, Table::Traces, 1, true),
            (10, Table::Logs, 7, false),
        ] {
            assert_eq!(coverage.has(seq, (table, day)), is_in, "{seq} {table:?} {day}");
        }
    }
}
