//! What is read, on its way out: requests of records, several at once.
//!
//! Comes in: records, through its batches. Goes out: deliveries, and their outcomes to the duties in them. What nobody asks
//! about is sent until it is answered for: its sender has forgotten it. Must not have more on the way than it says.

use std::sync::Arc;

use bytes::Bytes;
use tokio::{sync::watch, task::JoinSet};

use super::{
    Batches, Metrics,
    batches::{Batch, PIECE},
};
use crate::{
    ack::Outcome,
    budget::Permit,
    delivery::Transport,
    receive::{Intake, listener::told_to},
    signal::Signal,
};

/// Requests that wait for their answer: sixteen megabytes a second where blocks take one.
const IN_FLIGHT: usize = 16;

/// How a receiver is counted.
#[derive(Clone, Copy, Debug)]
pub(in crate::receive) struct Name {
    pub(in crate::receive) receiver: &'static str,
    pub(in crate::receive) transport: Transport,
}

#[derive(Debug)]
pub(in crate::receive) struct Outgoing {
    pub(in crate::receive) name: Name,
    pub(in crate::receive) batches: Batches,
    pub(in crate::receive) metrics: Arc<Metrics>,
    stopping: watch::Receiver<bool>,
    in_flight: JoinSet<()>,
}

impl Outgoing {
    /// None where the process ends.
    pub(in crate::receive) fn new(
        name: Name,
        intake: Intake,
        metrics: Arc<Metrics>,
        stopping: watch::Receiver<bool>,
    ) -> Option<Self> {
        Some(Self { name, batches: Batches::new(intake)?, metrics, stopping, in_flight: JoinSet::new() })
    }

    /// Sends what is gathered, as far as it may.
    pub(in crate::receive) fn launch(&mut self) {
        while self.in_flight.len() < IN_FLIGHT {
            let Some((batch, permit)) = self.batches.next() else { break };
            self.send(batch, permit);
        }
    }

    /// Sends what is full.
    pub(super) fn launch_full(&mut self) {
        while self.batches.is_waiting() && self.in_flight.len() < IN_FLIGHT {
            let Some((batch, permit)) = self.batches.next() else { break };
            self.send(batch, permit);
        }
    }

    /// Sends what is not sent again by somebody else, and forgets the rest.
    pub(in crate::receive) fn launch_kept(&mut self) {
        while let Some((batch, permit)) = self.batches.next() {
            if batch.is_kept {
                self.send(batch, permit);
            }
        }
    }

    /// Whether what is read next has a way out. With all on the way that may be, it is what waits that grows.
    pub(in crate::receive) fn has_way(&self) -> bool {
        let may_grow = self.in_flight.len() < IN_FLIGHT || self.batches.open_size() < PIECE;
        may_grow && !self.batches.is_waiting()
    }

    pub(in crate::receive) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Waits until one more is answered for.
    pub(in crate::receive) async fn answered(&mut self) {
        self.in_flight.join_next().await;
    }

    /// Waits until everything that is on its way is answered for, and holds nothing else meanwhile.
    pub(in crate::receive) async fn finish(self) {
        let Self { mut in_flight, batches, .. } = self;
        drop(batches);
        while in_flight.join_next().await.is_some() {}
    }

    /// Counts what was taken since.
    pub(in crate::receive) fn count(&mut self) {
        self.metrics.read(self.name.receiver, std::mem::take(&mut self.batches.records));
        self.metrics.bad(self.name.receiver, std::mem::take(&mut self.batches.bad));
    }

    fn send(&mut self, batch: Batch, permit: Option<Permit>) {
        let (name, intake) = (self.name, self.batches.intake.clone());
        let (metrics, stopping) = (Arc::clone(&self.metrics), self.stopping.clone());
        self.in_flight.spawn(async move {
            let (records, parts) = (batch.request.records(), batch.parts);
            // Cannot fail: room for its end was kept.
            let Ok(body) = batch.request.finish() else { return };
            let (outcome, found) = deliver(name, &intake, body.into(), batch.is_kept, stopping, &metrics).await;
            if batch.is_kept && outcome.is_retry() {
                metrics.lost(name.receiver, records);
            } else {
                intake.told(Signal::Logs, name.transport, &outcome, found);
            }
            drop(permit);
            for part in parts {
                part.settle(outcome.clone());
            }
        });
    }
}

async fn deliver(
    name: Name,
    intake: &Intake,
    body: Bytes,
    is_kept: bool,
    mut stopping: watch::Receiver<bool>,
    metrics: &Metrics,
) -> (Outcome, u64) {
    loop {
        let (outcome, found) = intake.deliver_admitted(Signal::Logs, name.transport, body.clone()).await;
        let Outcome::Retry { after } = outcome else { return (outcome, found) };
        if !is_kept {
            return (outcome, found);
        }
        tokio::select! {
            () = tokio::time::sleep(after) => metrics.repeated(name.receiver),
            () = told_to(&mut stopping) => return (outcome, found),
        }
    }
}
