//! Blocks to ClickHouse, and the outcome back to everybody whose rows are in them.
//!
//! Comes in: sealed blocks. Goes out: one outcome for each duty a block carries, and only after ClickHouse has
//! spoken or the time for trying is over. The same bytes are sent under the same token however often they are
//! tried, so that ClickHouse can tell a repetition. Must not look into a block.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::Instant,
};

use crate::{ack::Outcome, metrics::Pipeline, table::Block};

pub mod client;
pub mod token;
pub mod verdict;

pub use client::{Client, InsertError};
use token::Writer;
use verdict::{Verdict, verdict};

/// Inserts at once. ClickHouse merges better than it waits, but each insert costs it memory and a part; four keep
/// the line full while one is being acknowledged.
const IN_FLIGHT: usize = 4;

/// First and longest pause between two tries of one block.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What the inserting stage needs.
#[derive(Clone, Debug)]
pub struct Inserter {
    pub client: Client,
    /// How long a block is tried before its senders are told to send again.
    pub retry_for: Duration,
    pub metrics: Arc<Pipeline>,
    /// Rung when ClickHouse misses a table or a column: somebody else looks, and makes what is absent.
    pub stale_schema: Arc<Notify>,
}

impl Inserter {
    /// Runs until no block can come any more and the last one is answered for.
    pub async fn run(self, mut blocks: mpsc::Receiver<Block>) {
        let writer = Writer::random();
        let slots = Arc::new(Semaphore::new(IN_FLIGHT));
        while let Some(block) = blocks.recv().await {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let (inserter, token) = (self.clone(), writer.token());
            tokio::spawn(async move {
                inserter.deliver(block, &token).await;
                drop(slot);
            });
        }
        // Every slot back means that every block is answered for.
        let _ = slots.acquire_many(IN_FLIGHT as u32).await;
    }

    async fn deliver(&self, block: Block, token: &str) {
        let deadline = Instant::now() + self.retry_for;
        let _held = self.metrics.in_hand(&block, self.retry_for + self.client.timeout());
        let outcome = self.insert_until(&block, token, deadline).await;
        self.metrics.finished(&block, &outcome);
        for ack in block.acks {
            ack.settle(outcome.clone());
        }
    }

    async fn insert_until(&self, block: &Block, token: &str, deadline: Instant) -> Outcome {
        let mut pause = BACKOFF.0;
        loop {
            let started = Instant::now();
            let error = match self.client.insert(block, token).await {
                Ok(()) => {
                    self.metrics.inserted(block, started.elapsed());
                    return Outcome::Delivered { rejected: 0 };
                }
                Err(error) => error,
            };
            self.metrics.insert_failed(&error);
            match verdict(error.code()) {
                Verdict::Refused => {
                    tracing::error!(table = block.table.name(), rows = block.rows, %error, "clickhouse refuses a block for good");
                    // Never its message: that may quote a row, and rows of other senders are in the block.
                    return Outcome::Reject("ClickHouse refuses a block with these rows for good".into());
                }
                Verdict::StaleSchema => self.stale_schema.notify_one(),
                Verdict::Again => {}
            }
            if Instant::now() + pause >= deadline {
                tracing::warn!(table = block.table.name(), rows = block.rows, %error, "block not inserted, senders are told to send again");
                return Outcome::retry();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }
}
