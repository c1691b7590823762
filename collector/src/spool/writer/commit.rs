//! A commit, and what follows from its end.
//!
//! Comes in: what a commit will have promised. Goes out: deliveries to the line and blocks to the outlet, once it is on the
//! disk; where the disk fails, a process that goes on as without a spool. Must not promise anything before.

use std::time::Instant;

use tokio::sync::{mpsc::OwnedPermit, oneshot};

use super::{AFTER_ERROR, Disk, Entry, Writer};
use crate::{
    delivery::Delivery,
    making::{Making, Seq},
    spool::trail::Trail,
    table::Block,
};

/// What a commit will have promised.
#[derive(Debug, Default)]
pub(super) struct Promised {
    pub(super) entries: Vec<Entry>,
    pub(super) kept: Vec<Delivery>,
    /// Deliveries that one of `kept` is too.
    pub(super) repeated: Vec<Delivery>,
    pub(super) blocks: Vec<(Block, OwnedPermit<Block>)>,
    pub(super) released: Vec<Seq>,
    pub(super) again: Vec<Making>,
    /// Who waits for deliveries to be turned to a gateway.
    pub(super) turned: Vec<oneshot::Sender<()>>,
}

impl Promised {
    /// Nothing of a block is to be done any more.
    pub(super) fn done(&mut self, making: &Making) {
        self.entries.push(Entry::Done(making.name.number));
        self.released.push(*making.deliveries.start());
    }

    /// Nothing of a delivery is to be done any more.
    pub(super) fn passed(&mut self, seq: Seq) {
        self.entries.push(Entry::Passed(seq));
        self.released.push(seq);
    }
}

impl<D: Disk> Writer<D> {
    pub(super) fn commit(&mut self, mut promised: Promised) {
        let entries = std::mem::take(&mut promised.entries);
        if !entries.is_empty() {
            let begun = Instant::now();
            match self.log.commit(&entries) {
                Ok(()) => {
                    self.broken_until = None;
                    self.metrics.committed(promised.kept.len(), begun.elapsed());
                    self.remember(&promised.kept);
                    // One whose twin found no room is told "retry" by being dropped.
                    drop(self.recognize(std::mem::take(&mut promised.repeated)));
                }
                Err(error) => self.fail(&error, entries, std::mem::take(&mut promised.kept)),
            }
        }
        self.publish(promised);
    }

    fn remember(&mut self, kept: &[Delivery]) {
        let forgotten = kept.iter().filter_map(|kept| kept.id).map(|id| self.window.add(&id)).sum();
        self.metrics.forgot(forgotten);
        let positions = kept.iter().filter_map(|kept| Some((kept.kept?, kept.positions.clone()?)));
        let forgotten = positions.map(|(seq, positions)| self.trail.add(seq, positions)).sum();
        self.metrics.forgot_positions(forgotten);
    }

    /// The disk does not keep what it is given. Nobody was told that it would: senders come back, and what the line has
    /// made goes on. Its makings are written down as soon as they can be; a process that ends before that may store
    /// their rows twice.
    fn fail(&mut self, error: &std::io::Error, entries: Vec<Entry>, kept: Vec<Delivery>) {
        tracing::error!(%error, "the spool cannot be written; answers wait for clickhouse until it can");
        self.metrics.disk_failed();
        self.broken_until = Some(Instant::now() + AFTER_ERROR);
        self.owed.extend(entries.into_iter().filter(|entry| !matches!(entry, Entry::Kept(_))));
        let batches = kept.iter().filter_map(|kept| Some(kept.positions.as_ref()?.batch));
        batches.for_each(|batch| self.trail.turned_away(batch));
        // Dropped, they are answered "retry". What the failed commit holds of them is void, so their numbers are free.
        drop(kept);
        self.next_seq = self.shared.lock().head;
    }

    /// Without a disk, as without a spool. What is behind goes first; nobody waits for that.
    pub(super) fn pass_on(&mut self, deliveries: Vec<Delivery>) {
        let batches = deliveries.iter().filter_map(|delivery| Some(delivery.positions.as_ref()?.batch));
        let mut state = self.shared.lock();
        // Where the line is gone they are dropped, and their sender is told to come again.
        let settle = if state.is_live { Trail::came } else { Trail::turned_away };
        batches.for_each(|batch| settle(&mut self.trail, batch));
        if state.is_live {
            let now = Instant::now();
            state.waiting.extend(deliveries.into_iter().map(|delivery| (delivery, now)));
            self.shared.wake();
        }
    }

    /// What nothing has to be kept of any more is in force.
    pub(super) fn publish(&mut self, promised: Promised) {
        let Promised { kept, blocks, released, again, turned, .. } = promised;
        let mut late = Vec::new();
        let mut state = self.shared.lock();
        released.iter().for_each(|first| state.progress.release(*first));
        state.again.extend(again);
        if !kept.is_empty() {
            state.head = self.next_seq;
        }
        if state.is_live {
            let now = Instant::now();
            state.waiting.extend(kept.into_iter().map(|delivery| (delivery, now)));
        } else {
            late = kept;
        }
        drop(state);
        self.shared.wake();
        late.into_iter().for_each(|delivery| self.answer(delivery));
        for (block, place) in blocks {
            place.send(block);
        }
        for done in turned {
            // Whoever asked may have gone meanwhile.
            let _ = done.send(());
        }
    }
}
