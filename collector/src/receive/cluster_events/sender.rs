//! Events on their way, and how far they have come.
//!
//! Comes in: requests of one event each, in order. Goes out: batches of them, some in flight at once, and the version up
//! to which all are answered for. Must not let a batch be overtaken: the position moves in the order of reading.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesOrdered};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{super::deliver::Outlet, Metrics};
use crate::{ack::Outcome, delivery::Transport, signal::Signal};

/// A batch goes out when it has so many bytes, or this long after its first event.
const LARGEST: usize = 512 << 10;
const OLDEST: Duration = Duration::from_millis(250);

/// Batches in flight. A gateway without a spool answers once a second, so this is some thousand events a second; beyond
/// that the watch is not read.
const IN_FLIGHT: usize = 4;

/// An event, or only how far the reading has come.
#[derive(Debug)]
pub(super) struct Seen {
    /// Empty: no event.
    pub(super) request: Vec<u8>,
    /// Everything up to here stands before it or in it.
    pub(super) version: Option<u64>,
}

/// The way out of events.
pub(super) struct Sender {
    pub(super) outlet: Outlet,
    pub(super) metrics: Arc<Metrics>,
    pub(super) reached: watch::Sender<Option<u64>>,
}

#[derive(Debug, Default)]
struct Batch {
    body: Vec<u8>,
    events: u64,
    upto: Option<u64>,
}

struct Answered {
    events: u64,
    upto: Option<u64>,
    outcome: Outcome,
}

impl Sender {
    /// Runs until told to end and what was sent is answered for. What is not sent by then is the next one's.
    pub(super) async fn run(self, mut seen: mpsc::Receiver<Seen>, ended: impl Future<Output = ()>) {
        let mut flying: FuturesOrdered<BoxFuture<'static, Answered>> = FuturesOrdered::new();
        let (mut batch, mut due) = (Batch::default(), None);
        let mut ended = std::pin::pin!(ended);
        loop {
            let is_full = batch.body.len() >= LARGEST;
            let wait = due.unwrap_or_else(|| Instant::now() + OLDEST);
            tokio::select! {
                () = &mut ended => break,
                Some(answered) = flying.next() => {
                    // "Retry" is given up only at the end.
                    if !self.answered(answered) {
                        return;
                    }
                }
                found = seen.recv(), if !is_full => {
                    let Some(found) = found else { break };
                    batch.add(&found);
                    due.get_or_insert_with(|| Instant::now() + OLDEST);
                }
                () = tokio::time::sleep_until(wait), if due.is_some() && !is_full && flying.len() < IN_FLIGHT => {
                    flying.push_back(self.send(std::mem::take(&mut batch)));
                    due = None;
                }
                () = std::future::ready(()), if is_full && flying.len() < IN_FLIGHT => {
                    flying.push_back(self.send(std::mem::take(&mut batch)));
                    due = None;
                }
            }
        }
        while let Some(answered) = flying.next().await {
            if !self.answered(answered) {
                return;
            }
        }
    }

    fn send(&self, batch: Batch) -> BoxFuture<'static, Answered> {
        let Batch { body, events, upto } = batch;
        if events == 0 {
            return std::future::ready(Answered { events, upto, outcome: Outcome::Delivered { rejected: 0 } }).boxed();
        }
        let (outlet, metrics) = (self.outlet.clone(), Arc::clone(&self.metrics));
        self.metrics.held(body.len() as i64);
        let size = body.len() as i64;
        async move {
            let repeated = || metrics.repeated();
            let outcome = outlet.deliver(Signal::Logs, Transport::Watch, Bytes::from(body), repeated).await;
            metrics.held(-size);
            Answered { events, upto, outcome }
        }
        .boxed()
    }

    /// Whether the position may move on beyond it.
    fn answered(&self, answered: Answered) -> bool {
        let Answered { events, upto, outcome } = answered;
        let refused = match &outcome {
            Outcome::Retry { .. } => return false,
            Outcome::Delivered { rejected } => *rejected,
            Outcome::Reject(_) | Outcome::TooLarge => events,
        };
        self.metrics.sent(events.saturating_sub(refused));
        if refused > 0 {
            self.metrics.refused(refused);
            let reason = if let Outcome::Reject(reason) = &outcome { reason } else { "" };
            tracing::warn!(events = refused, reason, "events are refused for good");
        }
        if upto.is_some() {
            self.reached.send_replace(upto);
        }
        true
    }
}

impl Batch {
    fn add(&mut self, seen: &Seen) {
        self.upto = seen.version.or(self.upto);
        if !seen.request.is_empty() {
            self.events += 1;
            // Requests one after another are one request with the resources of all.
            self.body.extend_from_slice(&seen.request);
        }
    }
}
