//! Blocks that could not be stored for the sake of other tables, until their own takes blocks again.
//!
//! Comes in: blocks given back, and blocks stored. Goes out: which is made again, and when. Of a table in trouble only
//! the oldest is tried, with longer and longer pauses; what is stored calls the next ones. Holds no rows. Pure.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{making::Making, table::Table};

/// First and longest pause between two tries of a table. Each costs a block's assembling.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Blocks called at once when a table takes blocks again: as many as it may have in hand.
const CALLED: usize = 4;

#[derive(Debug, Default)]
pub struct Parked {
    by_table: BTreeMap<Table, Queue>,
}

#[derive(Debug)]
struct Queue {
    /// By number: in the order of their making.
    blocks: BTreeMap<u64, Making>,
    pause: Duration,
    next: Instant,
}

impl Parked {
    pub fn park(&mut self, making: Making, now: Instant) {
        let new = || Queue { blocks: BTreeMap::new(), pause: PAUSE.0, next: now + PAUSE.0 };
        let queue = self.by_table.entry(making.table).or_insert_with(new);
        if queue.blocks.is_empty() {
            queue.next = now + queue.pause;
        }
        queue.blocks.insert(making.name.number, making);
    }

    /// A block of the table is stored: the next ones.
    pub fn stored(&mut self, table: Table) -> Vec<Making> {
        let Some(queue) = self.by_table.get_mut(&table) else { return Vec::new() };
        queue.pause = PAUSE.0;
        (0..CALLED).map_while(|_| queue.blocks.pop_first()).map(|(_, making)| making).collect()
    }

    /// The blocks whose time has come: of each table one.
    pub fn due(&mut self, now: Instant) -> Vec<Making> {
        let due = self.by_table.values_mut().filter(|queue| queue.next <= now);
        due.filter_map(|queue| {
            queue.pause = (queue.pause * 2).min(PAUSE.1);
            queue.next = now + queue.pause;
            queue.blocks.pop_first().map(|(_, making)| making)
        })
        .collect()
    }

    /// Every block, oldest first.
    pub fn all(&mut self) -> Vec<Making> {
        let mut all: Vec<_> = std::mem::take(&mut self.by_table).into_values().flat_map(|queue| queue.blocks).collect();
        all.sort_unstable_by_key(|(number, _)| *number);
        all.into_iter().map(|(_, making)| making).collect()
    }

    pub fn count(&self) -> usize {
        self.by_table.values().map(|queue| queue.blocks.len()).sum()
    }
}

#[cfg(test)]
mod tests;
