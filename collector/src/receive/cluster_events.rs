//! What happens in the cluster, as Kubernetes' own events tell it.
//!
//! Comes in: one watch of `events.k8s.io/v1`, of all namespaces. Goes out: OTLP requests, as deliveries, and a position
//! for the lease, which moves when everything before it is answered for and not before. Whoever holds the lease next goes
//! on there. Must not read faster than somebody answers: what is not taken stays in the API server, which keeps events
//! for an hour.
//!
//! ```text
//! watch ─Seen 256→ sender ─Batch, 4 in flight→ deliver ─Delivery→
//!                    │                             │
//!                    └── position ◄── Outcome ◄────┘
//! ```
//!
//! A position is a version of the API server, and versions of events only grow. A watch is resumed at its version. Where
//! that is forgotten (after some five minutes) all events are listed, and those that are newer are taken: so nothing is
//! left out for as long as events are kept, and nothing is read twice.

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use tokio::sync::{mpsc, watch};

use super::{container_logs::Node, deliver::Outlet};
use crate::cluster::{
    Api, Term,
    answers::{Lines, Pause, WatchError, page},
};

mod metrics;
mod record;
mod sender;

pub use metrics::Metrics;
use record::{Change, List};
use sender::{Seen, Sender};

const PATH: &str = "/apis/events.k8s.io/v1/events?";

/// Events in a page of a list: some 80 KB, and no more than is read of an answer where each is as large as the API server
/// takes. What is made of them waits for its answer before the next is read.
const PAGE: usize = 40;

/// Events between the watch and the sender, some 2 KB each.
const SEEN: usize = 256;

/// The receiver, before it runs.
#[derive(Clone, Debug)]
pub struct Events {
    pub api: Api,
    pub node: Node,
    pub metrics: Arc<Metrics>,
}

/// One reading of the events, for as long as a lease is held.
struct Reading<'a> {
    events: &'a Events,
    seen: mpsc::Sender<Seen>,
    /// Everything up to here was seen.
    version: Option<u64>,
}

impl Events {
    /// Reads and sends until the term ends, and until what was sent is answered for.
    pub async fn run(&self, outlet: Outlet, term: &Term) {
        let (seen, found) = mpsc::channel(SEEN);
        let reading = Reading { events: self, seen, version: None };
        let sender = Sender { outlet, metrics: Arc::clone(&self.metrics), reached: term.reached.clone() };
        let ended = ended(term.ending.clone());
        tokio::select! {
            () = reading.run(term.position) => {}
            () = sender.run(found, ended) => {}
        }
    }
}

/// Ends when the term does.
async fn ended(mut ending: watch::Receiver<bool>) {
    let _ = ending.wait_for(|is_ending| *is_ending).await;
}

impl Reading<'_> {
    /// Runs until nobody takes what is seen.
    async fn run(mut self, position: Option<u64>) {
        let (mut pause, mut told) = (Pause::default(), String::new());
        loop {
            let begin = Instant::now();
            let reason = match self.once(position).await {
                Ok(()) => String::new(),
                Err(error) => {
                    self.events.metrics.failed();
                    format!("{:#}", anyhow::Error::new(error))
                }
            };
            if !reason.is_empty() && reason != told {
                tracing::warn!(error = reason, "the events of the cluster cannot be read; trying again");
            }
            pause.rest(!reason.is_empty(), begin.elapsed()).await;
            told = reason;
        }
    }

    /// Watches until the watch ends; lists before, where the version is forgotten.
    async fn once(&mut self, position: Option<u64>) -> Result<(), WatchError> {
        let from = match self.version {
            Some(version) => version,
            None => self.begin(position).await?,
        };
        self.events.metrics.watched();
        match self.watch(from).await {
            Err(error) if error.is_forgotten() => self.list(self.version.unwrap_or(from)).await,
            ended => ended,
        }
    }

    /// Where to begin: at the position, or, where there is none, now. One beyond the server's own version is of another
    /// life of it, of before a backup was restored for example; a watch from there would stay silent.
    async fn begin(&mut self, position: Option<u64>) -> Result<u64, WatchError> {
        let List { metadata, .. } = page(&self.events.api, &format!("{PATH}limit=1")).await?;
        let now = metadata.version();
        if let Some(position) = position.filter(|position| *position > now) {
            tracing::warn!(position, now, "the API server has gone back in time; events are read from now on");
        }
        let from = position.filter(|position| *position <= now).unwrap_or(now);
        self.upto(from).await;
        Ok(from)
    }

    async fn watch(&mut self, from: u64) -> Result<(), WatchError> {
        let mut lines = Lines::of(&self.events.api, PATH, &from.to_string()).await?;
        while let Some(change) = lines.next::<Change>().await? {
            let Change { kind, mut object } = change;
            let version = record::version(&object);
            match kind.as_str() {
                "ERROR" => {
                    let message = object["message"].as_str().unwrap_or_default().to_owned();
                    return Err(WatchError::Ended { code: object["code"].as_u64().unwrap_or(0) as u16, message });
                }
                "ADDED" | "MODIFIED" => {
                    self.take(&kind, &mut object, Some(version)).await;
                    self.version = Some(version);
                }
                // An event that has run out, or a version without an event.
                _ => {
                    if kind == "DELETED" {
                        self.events.metrics.skipped("expired");
                    }
                    self.upto(version).await;
                }
            }
        }
        Ok(())
    }

    /// What came after a version that is forgotten, from all that is there. The position waits for the whole list, which is
    /// in the order of names.
    async fn list(&mut self, after: u64) -> Result<(), WatchError> {
        let mut next = String::new();
        loop {
            self.events.metrics.listed();
            let List { metadata, items } =
                page(&self.events.api, &format!("{PATH}limit={PAGE}&continue={next}")).await?;
            for mut event in items {
                if record::version(&event) > after {
                    self.take("ADDED", &mut event, None).await;
                } else {
                    self.events.metrics.skipped("seen");
                }
            }
            next.clone_from(&metadata.next);
            if next.is_empty() {
                self.upto(metadata.version()).await;
                return Ok(());
            }
        }
    }

    async fn take(&self, kind: &str, event: &mut serde_json::Value, version: Option<u64>) {
        self.events.metrics.seen();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let cluster = self.events.node.cluster.as_deref();
        let request = record::request(kind, event, cluster, now);
        // Nobody takes it any more: the term has ended.
        let _ = self.seen.send(Seen { request, version }).await;
    }

    async fn upto(&mut self, version: u64) {
        self.version = Some(version);
        let _ = self.seen.send(Seen { request: Vec::new(), version: Some(version) }).await;
    }
}

#[cfg(test)]
mod tests;
