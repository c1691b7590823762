//! Sockets, files and watches to deliveries, and outcomes back to senders.
//!
//! Comes in: OTLP requests, messages of Fluent and of syslog, the log files of a node, and what happens in the cluster. Goes out: one
//! [`Delivery`] each, and to the sender the answer its protocol has for the outcome. A body is admitted to the budget while it is read, so that what this process holds
//! never passes it. Must not decide anything about rows.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::sync::{Semaphore, mpsc};

use crate::{
    ack::{Ack, Outcome},
    budget::Budget,
    delivery::{Delivery, Transport},
    id::Id,
    metrics::Pipeline,
    signal::Signal,
};

use body::Message;
use local_pods::LocalPods;
use pool::Pool;
use shares::Shares;

pub mod auth;
mod body;
pub mod cluster_events;
pub mod cluster_metrics;
pub mod container_logs;
pub mod cors;
pub mod deliver;
mod files;
pub mod fluent_forward;
pub mod host_metrics;
pub mod inflate;
pub mod kubelet_metrics;
pub mod listener;
pub mod local_pods;
mod log_request;
pub mod otlp_grpc;
pub mod otlp_http;
pub mod otlp_json;
mod pool;
pub mod scrape;
mod shares;
mod status;
pub mod stream;
pub mod syslog;
pub mod tls;
mod writer;

/// The body of every answer.
pub type Answer = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

/// The longest a sender is held: what a request can need at most, so that no connection hangs for ever on a
/// fault of ours. Past it the sender is told to send again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Bytes of bodies that are being read or wait to be opened. The line opens some hundred megabytes a second: this much
/// keeps it busy while senders that were answered together send together again, and the rest of what they send waits in
/// their sockets instead of in memory.
pub const AHEAD: usize = 16 << 20;

/// Where receivers hand on what they get.
#[derive(Clone, Debug)]
pub struct Intake {
    deliveries: mpsc::Sender<Delivery>,
    shares: Shares,
    budget: Budget,
    /// Whose turn it is to be read; see [`AHEAD`].
    ahead: Budget,
    /// Of `budget`, what messages that are not taken yet may have, where they come one behind the other.
    unfinished: Budget,
    /// Largest request, in bytes, after decompression.
    request_limit: usize,
    metrics: Arc<Pipeline>,
    /// What is known of senders, where they are asked for, and who this one is.
    local_pods: Option<LocalPods>,
    sender: Option<IpAddr>,
    pool: Pool,
    /// Large bodies unpacked at once: one for each core, since what a decoder holds besides its output is not
    /// admitted.
    unfolding: Arc<Semaphore>,
}

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Refused {
    /// Larger than a request may be.
    TooLarge,
    /// The budget is used up.
    Budget,
    /// Its sender fell silent, hung up or broke its protocol.
    Broken,
    /// Not valid in what it says it is.
    Malformed,
}

impl Refused {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Budget => "budget",
            Self::Broken => "broken",
            Self::Malformed => "malformed",
        }
    }
}

impl Intake {
    pub fn new(
        deliveries: mpsc::Sender<Delivery>,
        budget: Budget,
        ahead: Budget,
        request_limit: usize,
        metrics: Arc<Pipeline>,
    ) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let unfolding = Arc::new(Semaphore::new(cores));
        let shares = Shares::of_all(budget.clone(), ahead.clone(), request_limit);
        let unfinished = shares.unfinished();
        let (local_pods, sender, pool) = (None, None, Pool::default());
        Self {
            deliveries,
            shares,
            budget,
            ahead,
            unfinished,
            request_limit,
            metrics,
            local_pods,
            sender,
            pool,
            unfolding,
        }
    }

    /// What messages that are not taken yet may have.
    pub fn unfinished(&self) -> Budget {
        self.unfinished.clone()
    }

    /// Tells of requests what is known of the pods they come from.
    #[must_use]
    pub fn knowing(self, local_pods: Option<LocalPods>) -> Self {
        Self { local_pods, ..self }
    }

    /// The same for a connection of this sender, who leaves room for others.
    #[must_use]
    pub fn for_sender(&self, address: IpAddr) -> Self {
        let share = self.shares.of(address);
        let (budget, ahead, unfinished) = (share.held, share.ahead, share.unfinished);
        Self { budget, ahead, unfinished, sender: Some(address), ..self.clone() }
    }

    /// The same where what a sender passes on is mostly not its own, so that it is not told of whose pod it is.
    fn for_relay(&self, address: IpAddr) -> Self {
        Self { local_pods: None, ..self.for_sender(address) }
    }

    /// Hands on a request whose bytes are admitted, and waits for its outcome, and how many records were found in it.
    /// Who tells somebody of it counts it with [`Intake::told`].
    async fn deliver_admitted(&self, signal: Signal, transport: Transport, body: Bytes) -> (Outcome, u64) {
        let turn = self.ahead.wait(body.len()).await;
        let Some(permit) = self.budget.admit(0) else { return (Outcome::retry(), 0) };
        self.hand_on(signal, transport, Message { body, permit, turn }, None).await
    }

    /// Hands on a request and waits for the outcome that its sender is told.
    async fn deliver(&self, signal: Signal, transport: Transport, message: Message, id: Option<Id>) -> Outcome {
        let (outcome, records) = self.hand_on(signal, transport, message, id).await;
        self.told(signal, transport, &outcome, records);
        outcome
    }

    /// A sender is told of a request with so many records.
    fn told(&self, signal: Signal, transport: Transport, outcome: &Outcome, records: u64) {
        if !matches!(outcome, Outcome::Delivered { .. }) {
            self.metrics.refused(signal, transport, records);
        }
    }

    async fn hand_on(&self, signal: Signal, transport: Transport, message: Message, id: Option<Id>) -> (Outcome, u64) {
        let begin = Instant::now();
        let message = match &self.local_pods {
            Some(pods) => pods.tell(message, self.sender, self.request_limit).await,
            None => message,
        };
        let (ack, answer) = Ack::new(message.permit);
        let delivery = Delivery { turn: message.turn, id, ..Delivery::new(signal, message.body, transport, ack) };
        // A line that is gone has dropped the delivery, and dropping it answers "retry".
        let wait = async {
            let _ = self.deliveries.send(delivery).await;
            answer.told().await
        };
        let told = tokio::time::timeout(LONGEST_WAIT, wait).await;
        let (outcome, records) = told.unwrap_or((Outcome::retry(), 0));
        self.metrics.answered(signal, transport, &outcome, begin.elapsed());
        (outcome, records)
    }
}

fn full(bytes: impl Into<Bytes>) -> Answer {
    Full::new(bytes.into()).boxed_unsync()
}
