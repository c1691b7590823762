//! A block that ClickHouse refuses while its senders wait, divided until only what it refuses is left.
//!
//! Comes in: a block of which ClickHouse has said that it has stored nothing. Goes out: what became of each of its rows,
//! and an outcome for each duty. It is halved between requests, and inside one where only that is left, as often as
//! ClickHouse refuses a part. Must not divide a part whose outcome is unknown: that one is sent again as it is, like any
//! block. Must not name two parts alike: a name is the block's and the part's rows.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use super::{
    Inserter, PATIENCE,
    attempts::{Attempts, End},
    lanes::Slot,
    siblings::Offer,
    verdict::{Verdict, verdict},
};
use crate::{
    ack::{Ack, Outcome, RETRY_AFTER},
    table::Block,
};

/// Parts of one block that are sent at the most. One bad row among 100,000 takes 34.
const MOST_PARTS: usize = 128;

/// Parts of which none is stored before the rows are not what is wrong: two halves, four quarters, eight eighths.
const MOST_IN_VAIN: usize = 2 + 4 + 8;

/// What became of some rows.
#[derive(Debug)]
struct Part {
    rows: Range<u64>,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Stored,
    /// Not stored, or not known to be.
    Again(Duration),
    Refused,
}

/// Bodies are unpacked one at a time: that is up to 64 MiB, and nobody has admitted them.
static UNPACKING: Semaphore = Semaphore::const_new(1);

impl Inserter {
    /// Stores what can be stored of a block that was refused with this code, and answers for it.
    pub(super) async fn divide(&self, block: Block, code: u32, token: &str, started: Instant, slot: &mut Slot) {
        let block = Arc::new(block);
        let (parts, sent) = self.parts(&block, code, token, started, slot).await;
        let (table, rows) = (block.table, block.rows);
        let [stored, refused] = [Fate::Stored, Fate::Refused].map(|fate| -> u64 {
            let of_it = parts.iter().filter(|part| part.fate == fate);
            of_it.map(|part| part.rows.end - part.rows.start).sum()
        });
        // Every part is gone. Otherwise nobody is told anything, and that means "send again".
        let Some(mut block) = Arc::into_inner(block) else { return };
        if stored == 0 {
            // It is not known that the rows are to blame. Where a person may mend what is, the whole is tried on.
            let is_known = parts.iter().all(|part| !matches!(part.fate, Fate::Again(_)));
            let end = match verdict(Some(code)) {
                // A part may be stored after all.
                _ if !is_known => End::again(),
                Verdict::Refused => End::Refused(code),
                _ => Attempts::of_the_whole(self, &block, token, &Offer::default(), started).run(slot).await,
            };
            tracing::error!(table = table.name(), rows, code, "clickhouse refuses every part of a block");
            return self.answer(block, end);
        }
        tracing::error!(
            table = table.name(),
            rows,
            code,
            parts = sent,
            stored,
            refused,
            "clickhouse refuses rows for good"
        );
        self.metrics.divided(table, stored, rows - stored);
        answer(std::mem::take(&mut block.acks), &block.ends, &parts);
    }

    /// What became of the parts, in the order of their rows, and how many were sent.
    async fn parts(
        &self,
        block: &Arc<Block>,
        code: u32,
        token: &str,
        started: Instant,
        slot: &mut Slot,
    ) -> (Vec<Part>, usize) {
        let (mut parts, mut sent, mut stored) = (Vec::new(), 0, 0);
        // Wide before deep: whether some part can be stored is known soon.
        let mut waiting = VecDeque::new();
        if block.rows > 1 {
            waiting.extend(halves(block, 0, &block.ends, code));
        }
        while let Some(Waiting { of, offset, rows, code }) = waiting.pop_front() {
            let is_over = started.elapsed() >= self.retry_for.max(PATIENCE);
            let is_enough = sent >= MOST_PARTS || (stored == 0 && sent >= MOST_IN_VAIN);
            let part = if is_over || is_enough { None } else { self.cut(&of, offset, &rows).await };
            let Some(part) = part else {
                let fate = if is_over && stored > 0 { Fate::Again(RETRY_AFTER) } else { Fate::given_up(code, stored) };
                parts.push(Part { rows, fate });
                continue;
            };
            sent += 1;
            let (name, offer) = (format!("{token}.{}-{}", rows.start, rows.end), Offer::default());
            let fate = match Attempts::of_a_part(self, &part, &name, &offer, started).run(slot).await {
                End::Stored | End::HandedOver => {
                    stored += 1;
                    Fate::Stored
                }
                End::Again { after } => Fate::Again(after),
                End::Refused(_) if part.rows == 1 => Fate::Refused,
                End::Refused(code) => {
                    waiting.extend(halves(&Arc::new(part), rows.start, &block.ends, code));
                    continue;
                }
            };
            parts.push(Part { rows, fate });
        }
        parts.sort_by_key(|part| part.rows.start);
        (parts, sent)
    }

    /// These rows of the whole, taken from a part that begins at `offset`.
    async fn cut(&self, of: &Arc<Block>, offset: u64, rows: &Range<u64>) -> Option<Block> {
        let (cut, of, rows) = (self.cut, Arc::clone(of), rows.start - offset..rows.end - offset);
        let _turn = UNPACKING.acquire().await;
        // Some milliseconds for each megabyte, in which sockets would wait.
        tokio::task::spawn_blocking(move || cut(&of, &rows)).await.ok().flatten()
    }
}

/// Rows that are to be sent.
struct Waiting {
    /// The refused part they belong to, and its first row.
    of: Arc<Block>,
    offset: u64,
    rows: Range<u64>,
    /// What that was refused with.
    code: u32,
}

/// Both halves of a part that begins at `offset`, of two rows at the least.
fn halves(of: &Arc<Block>, offset: u64, ends: &[u64], code: u32) -> [Waiting; 2] {
    let whole = offset..offset + of.rows;
    let middle = middle(&whole, ends);
    [whole.start..middle, middle..whole.end].map(|rows| Waiting { of: Arc::clone(of), offset, rows, code })
}

/// Where a request ends inside these rows, as near to their middle as it can be; or else their middle.
fn middle(rows: &Range<u64>, ends: &[u64]) -> u64 {
    let middle = rows.start + (rows.end - rows.start) / 2;
    let inside = ends.iter().filter(|end| (rows.start + 1..rows.end).contains(end));
    inside.copied().min_by_key(|end| end.abs_diff(middle)).unwrap_or(middle)
}

impl Fate {
    /// Of rows among which some are refused with this code, and nobody has looked which. Where a person may mend what is
    /// wrong, they may come again.
    fn given_up(code: u32, stored: usize) -> Self {
        let is_for_good = stored == 0 || verdict(Some(code)) == Verdict::Refused;
        if is_for_good { Self::Refused } else { Self::Again(RETRY_AFTER) }
    }
}

/// Tells everybody what became of their rows.
fn answer(acks: Vec<Ack>, ends: &[u64], parts: &[Part]) {
    let mut start = 0;
    for (ack, end) in acks.into_iter().zip(ends) {
        let own = start..*end;
        start = *end;
        let (mut refused, mut again) = (0, None);
        let first = parts.partition_point(|part| part.rows.end <= own.start);
        for part in parts[first..].iter().take_while(|part| part.rows.start < own.end) {
            match part.fate {
                Fate::Stored => {}
                Fate::Again(after) => again = again.max(Some(after)),
                Fate::Refused => refused += part.rows.end.min(own.end) - part.rows.start.max(own.start),
            }
        }
        match again {
            Some(after) => ack.settle(Outcome::Retry { after }),
            None if refused > 0 && refused == own.end - own.start => ack.settle(Outcome::from(&End::Refused(0))),
            None => ack.stored_but_for(refused),
        }
    }
}

#[cfg(test)]
mod tests;
