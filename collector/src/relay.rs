//! Deliveries from a spool to the next collector: the line of a role that opens nothing.
//!
//! Comes in: kept deliveries, in the order of their numbers. Goes out: the same, and to the spool what became of each.
//! The sender hears of it as soon as the line has looked at it: it is on the disk. Must not hold more than its room: a
//! gateway that is away leaves deliveries on the disk, and the memory as it was.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    ack::{Ack, Outcome},
    budget::Budget,
    delivery::{Check, Delivery, Next, Source},
    making::Seq,
    metrics::Pipeline,
};

/// How often an idle line looks around.
const IDLE: Duration = Duration::from_secs(1);

/// What the line needs.
#[derive(Debug)]
pub struct Relay {
    /// To the forwarder.
    pub deliveries: mpsc::Sender<Delivery>,
    /// For bodies under way.
    pub room: Budget,
    pub check: Check,
    pub runtime: Handle,
    pub metrics: Arc<Pipeline>,
}

impl Relay {
    /// Runs until nothing can come any more. Deliveries may still be under way then.
    pub fn run(self, mut source: impl Source) {
        loop {
            match source.next(IDLE) {
                Next::Delivery(delivery) => self.take(delivery, &mut source),
                // This line makes no blocks, and a folder with blocks of another is refused at the start.
                Next::Again(_) | Next::Pause | Next::Last => {}
                Next::End => return,
            }
        }
    }

    fn take(&self, delivery: Delivery, source: &mut dyn Source) {
        let Some(seq) = delivery.kept else { return self.send(delivery) };
        if source.is_passed(seq) {
            delivery.ack.settle(Outcome::Delivered { rejected: 0 });
        } else {
            match (self.check)(delivery.signal, &delivery.body) {
                Ok(checked) => self.hand_on(seq, delivery, checked.rejected, source),
                Err(malformed) => {
                    let outcome = Outcome::malformed(malformed);
                    self.metrics.malformed(delivery.transport);
                    source.refused(seq, delivery.ack.is_awaited(), &malformed.to_string());
                    delivery.ack.settle(outcome);
                }
            }
        }
        source.assembled(seq, None);
    }

    fn hand_on(&self, seq: Seq, delivery: Delivery, rejected: u64, source: &mut dyn Source) {
        let Delivery { signal, body, transport, ack, turn, to, .. } = delivery;
        drop(turn);
        // What was read back is a part of a much longer read, of which nothing is needed but this.
        let body = if ack.is_awaited() { body } else { Bytes::copy_from_slice(&body) };
        let mut passage = source.hand_on(seq, to);
        let (kept, id, errand) = (Some(seq), passage.id, passage.errand.take());
        ack.settle(Outcome::Delivered { rejected });
        // Without room there is no budget any more, and no process: the next one finds the delivery.
        let Some(room) = self.runtime.block_on(self.room.wait(body.len())) else { return };
        let (ack, answer) = Ack::new(room);
        self.runtime.spawn(async move { passage.tell(answer.outcome().await) });
        self.send(Delivery { kept, id, errand, ..Delivery::new(signal, body, transport, ack) });
    }

    /// A forwarder that is gone has dropped the delivery, and dropping it answers "retry".
    fn send(&self, delivery: Delivery) {
        let _ = self.runtime.block_on(self.deliveries.send(delivery));
    }
}

#[cfg(test)]
mod tests;
