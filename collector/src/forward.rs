//! Deliveries to a gateway, unopened.
//!
//! Comes in: deliveries. Goes out: the gateway's own outcome. A delivery is tried on one gateway after another, so
//! that one that is going away costs a sender nothing, and is given back as "retry" when the time for trying is
//! over. Must not look into a delivery.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::Instant,
};
use tonic::Request;

use crate::{
    ack::{Outcome, RETRY_AFTER},
    delivery::Delivery,
    handover::{self, Handover},
    id::{self, Id, Keeper},
    metrics::Pipeline,
    signal::Signal,
};

pub mod codec;
mod course;
mod failure;
pub mod peers;
mod reach;
mod secure;
pub mod token;

pub use reach::Reach;

use codec::RawCodec;
use course::{Course, Turn};
use failure::Failure;
use peers::{Peer, Peers, Who};
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

/// Between two times that everybody is asked.
const MISSED: Duration = Duration::from_secs(1);

/// How long a stranger has to say who it is, and after what time new ones are looked for: kept deliveries wait for it.
const STRANGER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(100));

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
    /// How long a kept delivery that a gateway may have waits for that gateway.
    pub same_gateway_for: Duration,
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

impl Call {
    /// A request without records, which every receiver of OTLP takes and nobody stores.
    const fn ping() -> Self {
        Self { path: Signal::Logs.grpc_path(), id: None, body: Bytes::new() }
    }
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
                let call = Call { path: handover::PATH, id: None, body: body.clone() };
                let outcome = self.forward_until(call, None).await;
                if !outcome.is_retry() {
                    ack.settle(outcome);
                    break;
                }
                tracing::warn!("no sibling has taken a block yet; it is offered again");
            }
        }
    }

    /// Asks whether a gateway is there, lets us in and takes something, for as long as the process lives.
    pub async fn ping(self) {
        loop {
            let answer = match self.peers.next() {
                Some(peer) => self.try_once(&peer, &Call::ping(), None, PING_TIMEOUT.min(self.timeout)).await,
                None => Err(Failure::NoAddress),
            };
            // A refusal for good is an answer too.
            let failure = answer.err().filter(|failure| failure.outcome().is_retry());
            self.reach.pinged(failure.as_ref());
            tokio::time::sleep(if failure.is_none() { PING_EVERY } else { PING_AGAIN }).await;
        }
    }

    /// Asks whoever is new who it is, by a ping: a kept delivery goes to nobody else. Everybody is asked where one is
    /// missed.
    pub async fn meet(self) {
        let mut last = Instant::now();
        loop {
            let is_everybody = last.elapsed() >= MISSED && self.peers.take_missed();
            if is_everybody {
                last = Instant::now();
            }
            let mut asked = JoinSet::new();
            for peer in self.peers.to_be_met(is_everybody) {
                let forwarder = self.clone();
                asked.spawn(async move {
                    let answer = forwarder.try_once(&peer, &Call::ping(), None, STRANGER.0).await;
                    if let Err(failure) = answer {
                        tracing::debug!(%failure, "a gateway has not said who it is");
                    }
                });
            }
            asked.join_all().await;
            tokio::time::sleep(STRANGER.1).await;
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let Delivery { signal, body, ack, turn, id, errand, .. } = delivery;
        // Nothing is opened here: how many bodies are held is for the budget alone.
        drop(turn);
        let course = errand.map(|errand| Course::new(errand, self.same_gateway_for));
        let outcome = self.forward_until(Call { path: signal.grpc_path(), id, body }, course).await;
        self.metrics.forwarded(&outcome);
        ack.settle(outcome);
    }

    /// What is kept has a course, and is tried until somebody has it.
    async fn forward_until(&self, call: Call, mut course: Option<Course>) -> Outcome {
        let is_kept = course.is_some();
        let (mut pause, late) = (BACKOFF.0, Instant::now() + self.retry_for);
        loop {
            let failure = match self.try_next(&call, course.as_mut()).await {
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

    async fn try_next(&self, call: &Call, course: Option<&mut Course>) -> Result<Outcome, Failure> {
        let Some(course) = course else {
            let peer = self.peers.next().ok_or(Failure::NoAddress)?;
            return self.try_once(&peer, call, None, self.timeout).await;
        };
        let peer = match course.turn(&self.peers) {
            Turn::Same(peer) => peer,
            Turn::Other(peer) => {
                let (is_written, may_be_twice) = course.turn_to(&peer).await;
                if may_be_twice {
                    tracing::warn!("a gateway that may have a delivery has not come back; another has it now, too");
                    self.metrics.may_be_stored_twice();
                }
                if !is_written {
                    return Err(Failure::Nobody);
                }
                peer
            }
            Turn::Nobody => return Err(Failure::Nobody),
        };
        let tried = self.try_once(&peer, call, course.to(), self.timeout).await;
        if let Err(failure) = &tried {
            course.failed(failure);
        }
        tried
    }

    async fn try_once(
        &self,
        peer: &Peer,
        call: &Call,
        to: Option<Keeper>,
        limit: Duration,
    ) -> Result<Outcome, Failure> {
        let mut request = Request::new(call.body.clone());
        if let Some(id) = call.id.and_then(|id| id.text().parse().ok()) {
            request.metadata_mut().insert(id::HEADER, id);
        }
        if let Some(to) = to.and_then(|to| to.text().parse().ok()) {
            request.metadata_mut().insert(id::KEEPER_HEADER, to);
        }
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.shown().await?);
        }
        let mut client = tonic::client::Grpc::new(peer.channel.clone());
        let trying = async {
            client.ready().await.map_err(Failure::Connect)?;
            let path = http::uri::PathAndQuery::from_static(call.path);
            client.unary(request, path, RawCodec).await.map_err(Failure::from)
        };
        let answer = tokio::time::timeout(limit, trying).await.unwrap_or(Err(Failure::Timeout(limit)));
        match answer {
            Ok(response) => {
                let keeper =
                    response.metadata().get(id::KEEPER_HEADER).and_then(|text| Keeper::of(text.to_str().ok()?));
                self.peers.met(peer.address, keeper.map_or(Who::Forgetful, Who::Keeper));
                Ok(Outcome::Delivered { rejected: codec::rejected(response.get_ref()) })
            }
            Err(failure) => {
                if let Some(keeper) = failure.keeper() {
                    self.peers.met(peer.address, Who::Keeper(keeper));
                }
                if !failure.is_patience() && !failure.is_elsewhere() && failure.outcome().is_retry() {
                    self.peers.avoid(peer.address);
                }
                Err(failure)
            }
        }
    }
}
