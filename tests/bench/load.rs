//! The sender: comes in requests and where they go, goes out that all were taken, and how long each answer took.
//! Must not hide an answer: what is refused for good ends the run, what may be sent again is sent again and counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::task::JoinSet;

use crate::cases::{Case, Transport};
use crate::workload::Request;

mod connection;

use connection::{Answer, Connection};

/// Rows that are on their way at once: two of the collector's full blocks and a half, so that one fills while others
/// are written. A system that answers before it writes sees them as many more.
const ROWS_IN_FLIGHT: usize = 250_000;
/// Below the number of connections a receiver holds.
const MOST_IN_FLIGHT: usize = 4_000;
/// Enough for one write to a disk to serve many: an answer from a spool waits for no block.
const MOST_IN_FLIGHT_TO_A_SPOOL: usize = 256;
/// HTTP/2 connections; below the streams one may have, whatever is in flight.
const GRPC_CONNECTIONS: usize = 20;
/// How long a request is sent again before the run counts as failed.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What became of the requests: all of them were taken.
#[derive(Debug, Default)]
pub struct Sent {
    /// How long each waited for its answer, from the moment it was due.
    pub waits: Vec<Duration>,
    /// Answers that said "later".
    pub retries: u64,
}

/// Where to, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    pub address: SocketAddr,
    pub case: Case,
    /// Requests a second; as fast as answers come when absent.
    pub pace: Option<f64>,
    /// Requests on their way at once.
    pub in_flight: usize,
}

/// Requests of so many records on their way at once.
pub fn in_flight(records: usize, to_a_spool: bool) -> usize {
    let most = if to_a_spool { MOST_IN_FLIGHT_TO_A_SPOOL } else { MOST_IN_FLIGHT };
    (ROWS_IN_FLIGHT / records).clamp(1, most)
}

#[derive(Debug)]
struct Shared {
    sender: Sender,
    requests: Vec<Request>,
    next: AtomicUsize,
    retries: AtomicU64,
    start: Instant,
}

impl Sender {
    /// Sends every request once and waits for all answers.
    pub async fn send(self, requests: &[Request]) -> anyhow::Result<Sent> {
        let in_flight = self.in_flight.min(requests.len());
        let connections = match self.case.transport {
            Transport::Http => in_flight,
            Transport::Grpc => GRPC_CONNECTIONS.min(in_flight),
        };
        let mut open = Vec::with_capacity(connections);
        for _ in 0..connections {
            open.push(Connection::open(self.address, &self.case).await?);
        }
        let shared = Arc::new(Shared {
            sender: self,
            requests: requests.to_vec(),
            next: AtomicUsize::new(0),
            retries: AtomicU64::new(0),
            start: Instant::now(),
        });
        let mut workers = JoinSet::new();
        for number in 0..in_flight {
            let connection = match self.case.transport {
                Transport::Http => open.pop().context("a connection for each worker")?,
                Transport::Grpc => open[number % connections].share()?,
            };
            workers.spawn(work(Arc::clone(&shared), connection));
        }
        let mut sent = Sent::default();
        while let Some(done) = workers.join_next().await {
            sent.waits.extend(done??);
        }
        sent.retries = shared.retries.load(Ordering::Relaxed);
        Ok(sent)
    }
}

/// Takes the next request until none is left.
async fn work(shared: Arc<Shared>, mut connection: Connection) -> anyhow::Result<Vec<Duration>> {
    let mut waits = Vec::new();
    loop {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = shared.requests.get(index) else { return Ok(waits) };
        let due = match shared.sender.pace {
            Some(pace) => shared.start + Duration::from_secs_f64(index as f64 / pace),
            None => Instant::now(),
        };
        tokio::time::sleep_until(due.into()).await;
        loop {
            match connection.send(request.body.clone()).await? {
                Answer::Taken => break,
                Answer::Later(reason) => {
                    anyhow::ensure!(due.elapsed() < TAKEN_WITHIN, "not taken within {TAKEN_WITHIN:?}: {reason}");
                    shared.retries.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
                Answer::Refused(reason) => anyhow::bail!("refused: {reason}"),
            }
        }
        waits.push(due.elapsed());
    }
}
