//! A block that ClickHouse refuses while its senders wait, divided until only what it refuses is left.
//!
//! Comes in: a block of which ClickHouse has said that it has stored nothing. Goes out: what became of each of its rows,
//! and an outcome for each duty, as soon as it is known. It is halved between requests, and inside one where only that is
//! left, as often as ClickHouse refuses a part. Must not divide a part whose outcome is unknown: that one is sent again as
//! it is, like any block. Must not name two parts alike: a name is the block's and the part's rows.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use super::{
    Inserter,
    attempts::{Attempts, End},
    lanes::Slot,
    siblings::Offer,
    verdict::{Verdict, verdict},
};
use crate::table::{Block, Table};
use bodies::{Bodies, MOST_RAW};
use search::Search;
use senders::{Fate, Senders, Tally};

mod bodies;
mod search;
mod senders;

/// No part is sent when this long has gone by since the block's first row came: SDKs wait for 10 s.
const WITHIN: Duration = Duration::from_secs(9);

/// What is known of a block that is being divided.
struct Division<'a> {
    inserter: &'a Inserter,
    token: &'a str,
    until: Instant,
    bodies: Bodies,
    search: Search,
    senders: Senders,
    /// Every refusal so far speaks of the bytes, and not perhaps of the table.
    is_of_the_bytes: bool,
}

impl Inserter {
    /// Stores what can be stored of a block that was refused with this code, and answers for it.
    pub(super) async fn divide(&self, mut block: Block, code: u32, token: &str, started: Instant, slot: &mut Slot) {
        // Blocks of other tables do not wait behind this one's.
        slot.repeated(true);
        let (table, rows) = (block.table, block.rows);
        let (acks, ends) = (std::mem::take(&mut block.acks), std::mem::take(&mut block.ends));
        let mut division = Division {
            inserter: self,
            token,
            until: block.since + WITHIN,
            search: Search::new(rows, ends.clone()),
            senders: Senders::new(acks, ends),
            is_of_the_bytes: verdict(Some(code)) == Verdict::Refused,
            bodies: Bodies::new(block, self.cut),
        };
        division.run(rows, slot).await;
        let Division { search, mut senders, is_of_the_bytes, bodies, .. } = division;
        report(table, code, &search, senders.total);
        if search.has_stored() || is_of_the_bytes {
            if search.has_stored() {
                slot.stored();
            }
            self.metrics.divided(table, senders.total.stored, rows - senders.total.stored);
            return senders.tell();
        }
        // It is not known that the rows are to blame, so nobody has been told. Where a person may mend what is, the whole is
        // tried on; not where a part of it may be stored.
        let is_known = senders.total.again == 0;
        // Nobody cuts it any more. Otherwise nobody is told anything, and that means "send again".
        let Some(mut block) = bodies.into_whole() else { return };
        block.acks = senders.into_acks();
        let end = if is_known { self.try_on(&block, token, started, slot).await } else { End::again() };
        self.answer(block, end);
    }

    /// What no part of could be stored, as a whole while there is time.
    async fn try_on(&self, block: &Block, token: &str, started: Instant, slot: &mut Slot) -> End {
        let offer = Offer::default();
        let attempts = Attempts::of_the_whole(self, block, token, &offer, started);
        if attempts.left().is_zero() {
            return End::again();
        }
        match attempts.run(slot).await {
            // For another reason than before, and nobody has looked which rows.
            End::Refused(_) => End::again(),
            end => end,
        }
    }
}

impl Division<'_> {
    /// Sends parts until everything is known or the bounds are reached.
    async fn run(&mut self, rows: u64, slot: &mut Slot) {
        if rows == 1 {
            return self.senders.decide(&(0..1), Fate::Refused);
        }
        while self.is_time()
            && let Some(rows) = self.search.next()
        {
            if let Some(fate) = self.send(&rows, slot).await {
                self.senders.decide(&rows, fate);
                // Before that the table may be what is wrong.
                if self.search.has_stored() {
                    self.senders.tell();
                }
            }
        }
        for rows in self.search.give_up() {
            self.senders.decide(&rows, Fate::Unseen);
        }
    }

    fn is_time(&self) -> bool {
        self.bodies.raw_bytes() <= MOST_RAW && Instant::now() < self.until
    }

    /// None: it is to be divided further.
    async fn send(&mut self, rows: &Range<u64>, slot: &mut Slot) -> Option<Fate> {
        let Some(part) = self.bodies.cut(rows).await else { return Some(Fate::Unseen) };
        let (name, offer) = (format!("{}.{}-{}", self.token, rows.start, rows.end), Offer::default());
        match Attempts::of_a_part(self.inserter, &part, &name, &offer, self.until).run(slot).await {
            End::Stored | End::HandedOver => {
                self.search.stored();
                Some(Fate::Stored)
            }
            End::Again { after } => Some(Fate::Again(after)),
            End::Refused(code) => {
                self.is_of_the_bytes &= verdict(Some(code)) == Verdict::Refused;
                if part.rows == 1 {
                    return Some(Fate::Refused);
                }
                self.search.refused(rows.clone());
                self.bodies.keep(rows.clone(), part, &self.search);
                None
            }
        }
    }
}

fn report(table: Table, code: u32, search: &Search, total: Tally) {
    let Tally { stored, again, refused, unseen, .. } = total;
    let (table, parts) = (table.name(), search.sent());
    if search.has_stored() {
        tracing::error!(table, code, parts, stored, again, refused, unseen, "clickhouse refuses rows for good");
    } else {
        tracing::error!(table, code, parts, again, refused, unseen, "clickhouse refuses every part of a block");
    }
}
