//! Deliveries to a gateway, unopened.
//!
//! Comes in: deliveries. Goes out: the gateway's own outcome. A delivery is tried on one gateway after another, so
//! that one that is going away costs a sender nothing, and is given back as "retry" when the time for trying is
//! over. Must not look into a delivery.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, mpsc},
    time::Instant,
};
use tonic::Request;

use crate::{
    ack::{Outcome, RETRY_AFTER},
    delivery::Delivery,
    handover::{self, Handover},
    id::{self, Id},
    metrics::Pipeline,
    signal::Signal,
};

pub mod codec;
mod failure;
pub mod peers;
mod reach;
mod secure;
pub mod token;

pub use reach::Reach;

use codec::RawCodec;
use failure::Failure;
use peers::Peers;
use token::Token;

/// Deliveries on their way at once. Each waits for a block of the gateway to be stored, so a rate of 1,000
/// deliveries a second at one second each is within it.
const IN_FLIGHT: usize = 1024;

/// First and longest pause between two tries of one delivery.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// And of one that is kept, once nobody can be waiting for it: what a gateway without a spool stores of it in part, it
/// stores at every try.
const LONGEST_KEPT: Duration = Duration::from_secs(30);

/// Between two pings, and from a failed one to the next: two failures and their time-outs fit into ten seconds. A
/// gateway that has much to do answers a ping in its turn.
const PING_EVERY: Duration = Duration::from_secs(3);
const PING_AGAIN: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(4);

/// What the forwarding stage needs.
#[derive(Clone, Debug)]
pub struct Forwarder {
    pub peers: Peers,
    /// Shown with every delivery.
    pub token: Option<Token>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How long a delivery is tried that nobody keeps; one that is kept is tried until it is delivered.
    pub retry_for: Duration,
    pub metrics: Arc<Pipeline>,
    pub reach: Reach,
}

/// What is said to a gateway, until one has taken it.
#[derive(Debug)]
struct Call {
    path: &'static str,
    id: Option<Id>,
    body: Bytes,
}

impl Forwarder {
    /// Runs until no delivery can come any more and the last one is answered for.
    pub async fn run(self, mut deliveries: mpsc::Receiver<Delivery>) {
        let slots = Arc::new(Semaphore::new(IN_FLIGHT));
        while let Some(delivery) = deliveries.recv().await {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let forwarder = self.clone();
            tokio::spawn(async move {
                forwarder.deliver(delivery).await;
                drop(slot);
            });
        }
        let _ = slots.acquire_many(IN_FLIGHT as u32).await;
    }

    /// As [`Self::run`], for blocks that a sibling is to store. Each is tried, `retry_for` at a time, until it is taken,
    /// is refused for good, or is stored without.
    pub async fn hand_over(self, mut blocks: mpsc::Receiver<Handover>) {
        while let Some(Handover { body, ack }) = blocks.recv().await {
            while !ack.is_abandoned() {
                let outcome =
                    self.forward_until(Call { path: handover::PATH, id: None, body: body.clone() }, false).await;
                if !outcome.is_retry() {
                    ack.settle(outcome);
                    break;
                }
                tracing::warn!("no sibling has taken a block yet; it is offered again");
            }
        }
    }

    /// Asks whether a gateway is there, lets us in and takes something, for as long as the process lives: by a request
    /// without records, which every receiver of OTLP takes and nobody stores.
    pub async fn ping(self) {
        loop {
            let nothing = Call { path: Signal::Logs.grpc_path(), id: None, body: Bytes::new() };
            let answer = self.try_once(&nothing, PING_TIMEOUT.min(self.timeout)).await;
            // A refusal for good is an answer too.
            let failure = answer.err().filter(|failure| failure.outcome().is_retry());
            self.reach.pinged(failure.as_ref());
            tokio::time::sleep(if failure.is_none() { PING_EVERY } else { PING_AGAIN }).await;
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let Delivery { signal, body, ack, turn, kept, id, .. } = delivery;
        // Nothing is opened here: how many bodies are held is for the budget alone.
        drop(turn);
        let outcome = self.forward_until(Call { path: signal.grpc_path(), id, body }, kept.is_some()).await;
        self.metrics.forwarded(&outcome);
        ack.settle(outcome);
    }

    async fn forward_until(&self, call: Call, is_kept: bool) -> Outcome {
        let (mut pause, late) = (BACKOFF.0, Instant::now() + self.retry_for);
        loop {
            let failure = match self.try_once(&call, self.timeout).await {
                Ok(outcome) => {
                    self.reach.delivered();
                    return outcome;
                }
                Err(failure) => failure,
            };
            tracing::debug!(%failure, "gateway did not take a delivery");
            let outcome = failure.outcome();
            let Outcome::Retry { after } = outcome else { return outcome };
            pause = pause.max(after);
            if Instant::now() + pause >= late {
                self.reach.held_up(&failure);
                if !is_kept {
                    return Outcome::Retry { after: after.max(RETRY_AFTER) };
                }
            }
            tokio::time::sleep(pause).await;
            // Gateways that are away may be back at any time; only one that answers is spared.
            let longest = if is_kept && failure.is_patience() { LONGEST_KEPT } else { BACKOFF.1 };
            pause = (pause * 2).min(longest);
        }
    }

    async fn try_once(&self, call: &Call, limit: Duration) -> Result<Outcome, Failure> {
        let (peer, channel) = self.peers.next().ok_or(Failure::NoAddress)?;
        let mut request = Request::new(call.body.clone());
        if let Some(id) = call.id.and_then(|id| id.text().parse().ok()) {
            request.metadata_mut().insert(id::HEADER, id);
        }
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.shown().await?);
        }
        let mut client = tonic::client::Grpc::new(channel);
        let trying = async {
            client.ready().await.map_err(Failure::Connect)?;
            let path = http::uri::PathAndQuery::from_static(call.path);
            client.unary(request, path, RawCodec).await.map_err(Failure::from)
        };
        let answer = tokio::time::timeout(limit, trying).await.unwrap_or(Err(Failure::Timeout(limit)));
        match answer {
            Ok(response) => Ok(Outcome::Delivered { rejected: codec::rejected(response.get_ref()) }),
            Err(failure) => {
                if !failure.is_patience() && failure.outcome().is_retry() {
                    self.peers.avoid(peer);
                }
                Err(failure)
            }
        }
    }
}
