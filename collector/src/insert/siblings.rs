//! Blocks that this process cannot store before it ends, to a gateway that stays.
//!
//! Comes in: kept blocks. Goes out: the same as handovers, once somebody has said that it is time. Must not take a
//! block for stored before a sibling has it on its disk.

use tokio::sync::{mpsc, watch};

use crate::{
    ack::{Ack, Outcome},
    handover::{Handover, pack},
    table::Block,
};

/// The way to them.
#[derive(Clone, Debug)]
pub struct Siblings {
    pub handovers: mpsc::Sender<Handover>,
    /// Whether it is time.
    pub called: watch::Receiver<bool>,
}

impl Siblings {
    /// Whether blocks are handed over now.
    pub fn are_called(&self) -> bool {
        *self.called.borrow()
    }

    /// Ends when a sibling has the block: not before it is time, and never where no sibling takes it.
    pub(super) async fn take(&self, block: &Block) {
        let mut called = self.called.clone();
        let is_called = called.wait_for(|is_called| *is_called).await.is_ok();
        let Some(receipt) = block.receipt.as_ref().filter(|_| is_called) else { return std::future::pending().await };
        let (table, rows) = (block.table.name(), block.rows);
        let (ack, answer) = Ack::unbacked();
        let handover = Handover { body: pack(block, receipt.making.name), ack };
        let _ = self.handovers.send(handover).await;
        match answer.outcome().await {
            Outcome::Delivered { .. } => tracing::info!(table, rows, "a sibling stores a block of this gateway"),
            outcome => {
                tracing::warn!(table, rows, ?outcome, "no sibling takes a block; it waits in the spool");
                std::future::pending::<()>().await;
            }
        }
    }
}
