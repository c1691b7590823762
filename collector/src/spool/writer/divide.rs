//! A block that ClickHouse refuses for good, divided until only what it refuses is left.
//!
//! Comes in: a block and ClickHouse's code; or a delivery that turns out to be unstorable after its answer. Goes out: two
//! blocks of half of it each, under names of their own; at the end a dead letter with a single record. A block is
//! divided only after ClickHouse has said that it has stored nothing of it: an unknown outcome never comes here.

use std::{
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::{Disk, Entry, Promised, Writer};
use crate::{
    making::{ALL_RECORDS, Making, Name, Seq},
    spool::{
        dead::{Letter, Part},
        frame::Kept,
        reader::Reader,
    },
};

/// A person has to make room for letters, or the disk has to come back.
const BURY_AGAIN: Duration = Duration::from_secs(10);

impl<D: Disk> Writer<D> {
    pub(super) fn refused(&mut self, making: Making, code: u32, promised: &mut Promised) {
        let reason = format!("ClickHouse refuses it with code {code}");
        if making.deliveries.start() < making.deliveries.end() {
            let (first, second) = halves(*making.deliveries.start(), *making.deliveries.end());
            return self.divide(&making, [(first, ALL_RECORDS), (second, ALL_RECORDS)], promised);
        }
        let seq = *making.deliveries.start();
        let Some(kept) = self.kept(seq) else { return self.parked.park(making, Instant::now()) };
        // Numbers count every record on the wire that was looked at, also those that were refused.
        let checked = (self.check)(kept.signal, &kept.body).unwrap_or_default();
        let records = (checked.records + checked.rejected).max(1);
        let last = u32::try_from(records - 1).unwrap_or(u32::MAX).min(*making.records.end());
        if *making.records.start() < last {
            let (first, second) = halves(u64::from(*making.records.start()), u64::from(last));
            let deliveries = making.deliveries.clone();
            return self.divide(
                &making,
                [(deliveries.clone(), narrow(&first)), (deliveries, narrow(&second))],
                promised,
            );
        }
        let part = Part::Record(*making.records.start());
        if self.write_letter(&kept, part, Some(making.table.name()), &reason) {
            promised.done(&making);
        } else {
            self.parked.park(making, Instant::now());
        }
    }

    /// A whole delivery, whose sender takes it for stored. To look for one costs a part of a segment, so where letters
    /// cannot be written none is looked for in vain.
    pub(super) fn bury(&mut self, seq: Seq, reason: String, promised: &mut Promised) {
        if !self.may_bury() {
            return self.unburied.push((seq, reason));
        }
        let is_written = self.kept(seq).is_some_and(|kept| self.write_letter(&kept, Part::Whole, None, &reason));
        if is_written {
            self.bury_again = None;
            promised.passed(seq);
        } else {
            self.bury_again = Some(Instant::now() + BURY_AGAIN);
            self.unburied.push((seq, reason));
        }
    }

    pub(super) fn may_bury(&self) -> bool {
        self.bury_again.is_none_or(|again| Instant::now() >= again)
    }

    fn divide(
        &mut self,
        making: &Making,
        halves: [(RangeInclusive<Seq>, RangeInclusive<u32>); 2],
        promised: &mut Promised,
    ) {
        let mut state = self.shared.lock();
        let halves = halves.map(|(deliveries, records)| {
            let name = Name { writer: making.name.writer, number: state.next_block };
            state.next_block += 1;
            state.progress.hold(*deliveries.start());
            Making { name, deliveries, records, rows: 0, ..making.clone() }
        });
        drop(state);
        promised.again.extend(halves.iter().cloned());
        promised.entries.push(Entry::Divided(making.name.number, Box::new(halves)));
        promised.released.push(*making.deliveries.start());
    }

    fn kept(&self, seq: Seq) -> Option<Kept> {
        let mut found = None;
        let read = Reader::range(&self.log.segments(), &(seq..=seq), &mut |kept| found = Some(kept));
        if let Err(error) = read {
            tracing::error!(%error, "the spool cannot be read");
            self.metrics.disk_failed();
        }
        found
    }

    fn write_letter(&mut self, kept: &Kept, part: Part, table: Option<&'static str>, reason: &str) -> bool {
        let letter = Letter { kept, part, table, reason };
        match self.dead.write(&letter) {
            Ok(()) => {
                self.metrics.buried();
                tracing::error!(table, reason, "a record can never be stored and is a dead letter now");
                true
            }
            Err(error) => {
                tracing::error!(%error, "a dead letter cannot be written, it is tried again");
                false
            }
        }
    }
}

fn halves(first: u64, last: u64) -> (RangeInclusive<u64>, RangeInclusive<u64>) {
    let middle = first + (last - first) / 2;
    (first..=middle, middle + 1..=last)
}

fn narrow(range: &RangeInclusive<u64>) -> RangeInclusive<u32> {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    narrow(*range.start())..=narrow(*range.end())
}
