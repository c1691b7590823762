//! Blocks that this process cannot store before it ends, to a gateway that stays.
//!
//! Comes in: kept blocks. Goes out: the same as handovers, once somebody has said that it is time. Must not take a
//! block for stored before a sibling has it on its disk, nor offer one whose rows ClickHouse may refuse: a sibling
//! cannot divide it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, watch};

use super::verdict::Verdict;
use crate::{
    ack::{Ack, Answer, Outcome},
    handover::{Handover, pack},
    making::Name,
    table::Block,
};

/// The way to them.
#[derive(Clone, Debug)]
pub struct Siblings {
    pub handovers: mpsc::Sender<Handover>,
    /// Whether it is time.
    pub called: watch::Receiver<bool>,
}

/// What a block's tries and its offer know of each other.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// ClickHouse has spoken of its rows or columns. An outage afterwards does not answer for them.
    is_in_doubt: AtomicBool,
    /// A sibling may have it: it stays as it is, and keeps its name.
    is_made: AtomicBool,
}

impl Offer {
    pub(super) fn judge(&self, verdict: Verdict) {
        self.is_in_doubt.fetch_or(verdict.is_of_the_block(), Ordering::Relaxed);
    }

    pub(super) fn is_made(&self) -> bool {
        self.is_made.load(Ordering::Relaxed)
    }
}

impl Siblings {
    /// Whether blocks are handed over now.
    pub fn are_called(&self) -> bool {
        *self.called.borrow()
    }

    /// Ends when a sibling has the block: not before it is time, and never where no sibling takes it.
    pub(super) async fn take(&self, block: &Block, offer: &Offer) {
        let mut called = self.called.clone();
        let is_called = called.wait_for(|is_called| *is_called).await.is_ok();
        let receipt = block.receipt.as_ref().filter(|receipt| is_called && !receipt.making.is_divided());
        let Some(receipt) = receipt else { return std::future::pending().await };
        let Some(answer) = self.offer(block, receipt.making.name, offer).await else {
            return std::future::pending().await;
        };
        let (table, rows) = (block.table.name(), block.rows);
        match answer.outcome().await {
            Outcome::Delivered { .. } => tracing::info!(table, rows, "a sibling keeps a block of this gateway"),
            outcome => {
                tracing::warn!(table, rows, ?outcome, "no sibling takes a block; it waits in the spool");
                std::future::pending::<()>().await;
            }
        }
    }

    /// None: it must not leave, or nobody is there.
    async fn offer(&self, block: &Block, name: Name, offer: &Offer) -> Option<Answer> {
        // First the place, then the copy: of a block that waits there is one.
        let place = self.handovers.reserve().await.ok()?;
        if offer.is_in_doubt.load(Ordering::Relaxed) {
            return None;
        }
        offer.is_made.store(true, Ordering::Relaxed);
        let (ack, answer) = Ack::unbacked();
        place.send(Handover { body: pack(block, name), ack });
        Some(answer)
    }
}
