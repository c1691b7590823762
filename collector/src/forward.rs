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
use tonic::{Code, Request, Status};

use crate::{
    ack::{Outcome, RETRY_AFTER},
    delivery::Delivery,
    handover::{self, Handover},
    metrics::Pipeline,
};

pub mod codec;
pub mod peers;
mod secure;
pub mod token;

use codec::RawCodec;
use peers::Peers;
use token::Token;

/// Deliveries on their way at once. Each waits for a block of the gateway to be stored, so a rate of 1,000
/// deliveries a second at one second each is within it.
const IN_FLIGHT: usize = 1024;

/// First and longest pause between two tries of one delivery.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

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

    /// As [`Self::run`], for blocks that a sibling is to store. Each is tried until it is taken, or refused for good.
    pub async fn hand_over(self, mut blocks: mpsc::Receiver<Handover>) {
        while let Some(Handover { body, ack }) = blocks.recv().await {
            let outcome = self.forward_until(handover::PATH, body, None).await;
            ack.settle(outcome);
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let Delivery { signal, body, ack, turn, kept, .. } = delivery;
        // Nothing is opened here: how many bodies are held is for the budget alone.
        drop(turn);
        let deadline = kept.is_none().then(|| Instant::now() + self.retry_for);
        let outcome = self.forward_until(signal.grpc_path(), body, deadline).await;
        self.metrics.forwarded(&outcome);
        ack.settle(outcome);
    }

    async fn forward_until(&self, path: &'static str, body: Bytes, deadline: Option<Instant>) -> Outcome {
        let mut pause = BACKOFF.0;
        loop {
            let outcome = match self.try_once(path, body.clone()).await {
                Ok(outcome) => return outcome,
                Err(status) => {
                    tracing::debug!(code = ?status.code(), message = status.message(), "gateway did not take a delivery");
                    judge(&status)
                }
            };
            let Outcome::Retry { after } = outcome else { return outcome };
            pause = pause.max(after);
            if deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
                return Outcome::Retry { after: after.max(RETRY_AFTER) };
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    async fn try_once(&self, path: &'static str, body: Bytes) -> Result<Outcome, Status> {
        let Some((peer, channel)) = self.peers.next() else {
            return Err(Status::unavailable("no gateway is known yet"));
        };
        let mut request = Request::new(body);
        if let Some(token) = &self.token {
            let shown = token.shown().await.map_err(|error| Status::unavailable(error.to_string()))?;
            request.metadata_mut().insert("authorization", shown);
        }
        let mut client = tonic::client::Grpc::new(channel);
        let call = async {
            client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            let path = http::uri::PathAndQuery::from_static(path);
            client.unary(request, path, RawCodec).await
        };
        let answer =
            tokio::time::timeout(self.timeout, call).await.unwrap_or_else(|_| Err(Status::unavailable("timed out")));
        match answer {
            Ok(response) => Ok(Outcome::Delivered { rejected: codec::rejected(response.get_ref()) }),
            Err(status) => {
                // A gateway that asks for patience is there; one that gives no such word may not be.
                if codec::retry_delay(status.details()).is_none() && judge(&status).is_retry() {
                    self.peers.avoid(peer);
                }
                Err(status)
            }
        }
    }
}

/// What the gateway itself says for good is for good. Every other word may be that of a proxy, of a mesh, or of another
/// pod that has got the address, and is tried again.
fn judge(status: &Status) -> Outcome {
    let delay = codec::retry_delay(status.details());
    match status.code() {
        Code::InvalidArgument => Outcome::Reject(status.message().to_owned().into()),
        // The gateway's own refusal carries details; without them it is HTTP/2's "calm down".
        Code::ResourceExhausted if delay.is_none() && !status.details().is_empty() => Outcome::TooLarge,
        _ => Outcome::Retry { after: delay.unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests;
