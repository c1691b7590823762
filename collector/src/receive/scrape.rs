//! A source that is read at intervals.
//!
//! Comes in: what a [`Source`] reads. Goes out: deliveries, each sent until somebody answers for it. One scrape at a time,
//! and none while too much is unanswered: a scrape that is missed is counted and told, and costs the others nothing.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    task::{JoinError, JoinSet},
    time::MissedTickBehavior,
};

use super::deliver::Outlet;
use crate::{ack::Outcome, delivery::Transport, measurements::Request, signal::Signal};

mod metrics;

pub use metrics::Metrics;
use metrics::Scrape;

/// The longest a source may take. What answers later than that is as good as gone.
const LONGEST_READ: Duration = Duration::from_secs(10);

/// The part of the budget that one source may hold while nobody answers. With the default limit of an agent it is half
/// an hour of a large node; after that scrapes are missed, and the first half hour is kept.
const SHARE: usize = 16;

/// Something that can be measured.
pub trait Source: Send {
    /// As metrics and messages call it.
    const NAME: &'static str;

    /// Measures, now, in nanoseconds since the Unix epoch. May be dropped half-way.
    fn read(&mut self, now: u64) -> impl Future<Output = Reading> + Send;
}

/// What a source has read.
#[derive(Debug, Default)]
pub struct Reading {
    pub requests: Vec<Request>,
    /// What could not be read, and why; empty where all was.
    pub missing: String,
}

/// Reads one source, as often as it should.
#[derive(Debug)]
pub struct Scraper {
    pub outlet: Outlet,
    pub interval: Duration,
    pub metrics: Arc<Metrics>,
}

/// What became of a request: its size, its points, its outcome.
type Answered = (usize, u64, Outcome);

impl Scraper {
    /// Runs until told to stop, and until what was sent is answered for or given up.
    pub async fn run<S: Source>(self, mut source: S) {
        let (mut sent, mut held, mut told) = (JoinSet::new(), 0, String::new());
        let mut stopping = self.outlet.stopping.clone();
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = stopping.wait_for(|is_stopping| *is_stopping) => break,
                Some(answered) = sent.join_next() => {
                    self.answered(S::NAME, answered, &mut held);
                    continue;
                }
                _ = ticks.tick() => {}
            }
            let reading = tokio::select! {
                _ = stopping.wait_for(|is_stopping| *is_stopping) => break,
                reading = self.scrape(&mut source, held) => reading,
            };
            if !reading.missing.is_empty() && reading.missing != told {
                tracing::warn!(
                    receiver = S::NAME,
                    missing = reading.missing,
                    "cannot measure everything; trying again"
                );
            }
            if reading.missing.is_empty() && !told.is_empty() {
                tracing::info!(receiver = S::NAME, "everything is measured again");
            }
            told = reading.missing;
            for request in reading.requests {
                held += request.size();
                self.send(S::NAME, request, &mut sent);
            }
            self.metrics.held(S::NAME, held);
        }
        while let Some(answered) = sent.join_next().await {
            self.answered(S::NAME, answered, &mut held);
        }
    }

    async fn scrape<S: Source>(&self, source: &mut S, held: usize) -> Reading {
        if held >= self.outlet.budget.limit() / SHARE {
            self.metrics.scraped(S::NAME, Scrape::Skipped);
            let missing = "all: what was measured before is not answered for".to_owned();
            return Reading { missing, ..Reading::default() };
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let reading = tokio::time::timeout(LONGEST_READ.min(self.interval), source.read(now)).await;
        let reading =
            reading.unwrap_or_else(|_| Reading { missing: "all: no answer in time".to_owned(), ..Reading::default() });
        let points: u64 = reading.requests.iter().map(Request::points).sum();
        self.metrics.scraped(
            S::NAME,
            match (points, reading.missing.is_empty()) {
                (_, true) => Scrape::Complete,
                (0, false) => Scrape::Failed,
                (_, false) => Scrape::Partial,
            },
        );
        self.metrics.points(S::NAME, points);
        reading
    }

    fn send(&self, name: &'static str, request: Request, sent: &mut JoinSet<Answered>) {
        let (outlet, metrics) = (self.outlet.clone(), Arc::clone(&self.metrics));
        sent.spawn(async move {
            let (bytes, points) = (request.size(), request.points());
            let repeated = || metrics.repeated(name);
            let outcome = outlet.deliver(Signal::Metrics, Transport::Scrape, request.finish(), repeated).await;
            (bytes, points, outcome)
        });
    }

    fn answered(&self, name: &'static str, answered: Result<Answered, JoinError>, held: &mut usize) {
        let Ok((bytes, points, outcome)) = answered else { return };
        *held = held.saturating_sub(bytes);
        self.metrics.held(name, *held);
        let refused = match &outcome {
            Outcome::Delivered { rejected } => *rejected,
            Outcome::Retry { .. } => 0,
            Outcome::Reject(_) | Outcome::TooLarge => points,
        };
        if refused > 0 {
            self.metrics.refused(name, refused);
            let reason = if let Outcome::Reject(reason) = &outcome { reason } else { "" };
            tracing::warn!(receiver = name, points = refused, reason, "measurements are refused for good");
        }
    }
}

#[cfg(test)]
mod tests;
