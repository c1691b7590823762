//! Blocks to ClickHouse, and the outcome back to everybody whose rows are in them.
//!
//! Comes in: sealed blocks. Goes out: one outcome for each duty a block carries, and only after ClickHouse has
//! spoken or the time for trying is over. The same bytes are sent under the same token however often they are
//! tried, so that ClickHouse can tell a repetition. Must not look into a block.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use crate::{
    ack::Outcome,
    metrics::Pipeline,
    table::{Block, Cut, Layouts},
};

mod attempts;
pub mod client;
mod connections;
mod divide;
mod endpoints;
mod lanes;
pub mod login;
pub mod reach;
mod siblings;
pub mod token;
pub mod verdict;

use attempts::{Attempts, End};
pub use client::{Client, InsertError};
use lanes::{Lanes, SLOTS, Slot};
pub use login::{Login, Secret};
pub use reach::Reach;
use siblings::Offer;
pub use siblings::Siblings;
use token::Writer;

/// As long as anybody is known to wait for an answer: SDKs take 10 s, an agent 15.
const PATIENCE: Duration = Duration::from_secs(15);

/// A block that is kept is tried until it is stored: nobody waits for it, and it must not be forgotten.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// Before a block looks for room again whose table is full of trouble.
const ROOM_AGAIN: Duration = Duration::from_millis(100);

/// As long as it looks. A sibling that takes blocks takes one within milliseconds.
const ROOM_WITHIN: Duration = Duration::from_secs(1);

/// What the inserting stage needs.
#[derive(Clone, Debug)]
pub struct Inserter {
    pub client: Client,
    /// How long a block is tried before its senders are told to send again.
    pub retry_for: Duration,
    /// Bytes of blocks a table in trouble may hold: what it holds is budget that the others lack.
    pub table_share: usize,
    pub metrics: Arc<Pipeline>,
    /// What is known of the tables' columns.
    pub layouts: watch::Receiver<Layouts>,
    /// Rung when a table or a column is not what it was taken for: somebody else looks and mends.
    pub stale_schema: Arc<Notify>,
    /// Who stores kept blocks when this process cannot wait any longer.
    pub siblings: Option<Siblings>,
    /// How a block is divided of which ClickHouse refuses some rows.
    pub cut: Cut,
}

impl Inserter {
    /// Runs until no block can come any more and the last one is answered for.
    pub async fn run(self, mut blocks: mpsc::Receiver<Block>) {
        let writer = Writer::random();
        let lanes = Lanes::new(self.table_share);
        self.metrics.queue_capacity(SLOTS);
        // Bounded by the slots: a task holds one for as long as it runs.
        let mut tasks = JoinSet::new();
        while let Some(block) = blocks.recv().await {
            while tasks.try_join_next().is_some() {}
            let kept = block.receipt.as_ref().map(|receipt| receipt.making.name.token());
            let slot = match kept {
                Some(_) => self.admit_kept(&lanes, &block).await,
                None => lanes.admit(block.table, block.raw_bytes).await,
            };
            match slot {
                Some(slot) => {
                    let (inserter, token) = (self.clone(), kept.unwrap_or_else(|| writer.token()));
                    tasks.spawn(async move { inserter.deliver(block, &token, slot).await });
                }
                None => self.turn_back(block),
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn deliver(&self, block: Block, token: &str, mut slot: Slot) {
        // The last try may begin when the time is over but for a moment.
        let longest = if block.receipt.is_some() { FOREVER } else { self.retry_for.max(PATIENCE) };
        let _in_hand = self.metrics.in_hand(&block, longest + self.client.timeout());
        let (offer, started) = (Offer::default(), Instant::now());
        let attempts = Attempts::new(self, &block, token, &offer).run(&mut slot);
        let end = match &self.siblings {
            // Whoever is first: under one name its rows are stored once.
            Some(siblings) => tokio::select! {
                end = attempts => end,
                () = siblings.take(&block, &offer) => End::HandedOver,
            },
            None => attempts.await,
        };
        match end {
            // Where nobody waits the spool divides it, in its own time.
            End::Refused(code) if block.receipt.is_none() => self.divide(block, code, token, started, &mut slot).await,
            end => self.answer(block, end),
        }
    }

    /// At the end of the process blocks in hand go to siblings and make room. Where nobody takes them the block is turned
    /// back all the same: those of other tables stand behind it.
    async fn admit_kept(&self, lanes: &Lanes, block: &Block) -> Option<Slot> {
        let begun = Instant::now();
        loop {
            let slot = lanes.admit_kept(block.table, block.raw_bytes).await;
            let are_called = self.siblings.as_ref().is_some_and(Siblings::are_called);
            if slot.is_some() || !are_called || begun.elapsed() >= ROOM_WITHIN {
                return slot;
            }
            tokio::time::sleep(ROOM_AGAIN).await;
        }
    }

    /// The block would wait behind others of its table, and those of every table behind it.
    fn turn_back(&self, block: Block) {
        self.metrics.turned_back(block.table);
        self.answer(block, End::again());
    }

    fn answer(&self, block: Block, end: End) {
        let outcome = Outcome::from(&end);
        match end {
            End::HandedOver => self.metrics.handed_over(&block),
            _ => self.metrics.finished(&block, &outcome),
        }
        if let Some(receipt) = block.receipt {
            receipt.tell(end.into());
        }
        for ack in block.acks {
            match &outcome {
                Outcome::Delivered { .. } => ack.stored(),
                other => ack.settle(other.clone()),
            }
        }
    }
}
