//! Senders that keep to the rules of OTLP: comes in where to send and how fast, goes out every request with what was
//! told for it. They send again after 429, 502, 503, 504 and a broken connection, not before the time they were given,
//! and always the same bytes. Must not give up by themselves, and must not send again what was refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::accounts::{Id, Request, Told};
use crate::dice::Dice;
use crate::otlp::{Answer, OtlpGrpc, OtlpHttp};

mod lines;

/// Where the rows of all senders end.
pub const TABLE: &str = "otel.otel_logs";

/// Longer than the 60 s after which our collector answers whatever happens: no answer means a broken line, not haste.
const PATIENCE: Duration = Duration::from_secs(75);
/// Without a time in the answer: doubled from the first to the second, as the exporters of SDKs do.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
const RECORDS: std::ops::RangeInclusive<u64> = 100..=1_000;

/// How many send, and how fast all of them together.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub senders: u32,
    pub rows_a_second: u32,
}

/// Senders at work.
#[derive(Debug)]
pub struct Senders {
    more: watch::Sender<bool>,
    counts: Arc<Counts>,
    tasks: JoinSet<()>,
    done: mpsc::UnboundedReceiver<Request>,
}

/// Rows, while they send.
#[derive(Debug, Default)]
pub struct Counts {
    pub sent: AtomicU64,
    pub acked: AtomicU64,
    pub retries: AtomicU64,
}

/// One sender with one request on its way at a time; every second one speaks gRPC.
struct Sender {
    number: u32,
    dice: Dice,
    line: Line,
    counts: Arc<Counts>,
    more: watch::Receiver<bool>,
}

enum Line {
    Http(OtlpHttp),
    Grpc(OtlpGrpc),
}

/// The same bytes for every attempt.
enum Body {
    Http(Bytes),
    Grpc(ExportLogsServiceRequest),
}

impl Senders {
    /// `http` and `grpc` are `http://host:port`.
    pub fn start(pace: Pace, seed: u64, http: &str, grpc: &str) -> anyhow::Result<Senders> {
        let (more, is_more) = watch::channel(true);
        let (report, done) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        let rows_a_second = f64::from(pace.rows_a_second) / f64::from(pace.senders);
        for number in 0..pace.senders {
            let line = match number % 2 {
                0 => Line::Http(OtlpHttp::patient(http, PATIENCE)),
                _ => Line::Grpc(OtlpGrpc::patient(grpc, PATIENCE)?),
            };
            let dice = Dice::new(seed, u64::from(number));
            let sender = Sender { number, dice, line, counts: Arc::clone(&counts), more: is_more.clone() };
            tasks.spawn(sender.work(rows_a_second, report.clone()));
        }
        Ok(Senders { more, counts, tasks, done })
    }

    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// No new requests; those on their way have `within` to be told. Returns every request.
    pub async fn finish(mut self, within: Duration) -> Vec<Request> {
        self.more.send_replace(false);
        let tasks = &mut self.tasks;
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            self.tasks.shutdown().await;
        }
        let mut requests = Vec::new();
        while let Ok(request) = self.done.try_recv() {
            requests.push(request);
        }
        requests
    }
}

/// A request that is reported whatever becomes of its sender.
struct Open {
    request: Request,
    report: mpsc::UnboundedSender<Request>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.report.send(self.request);
    }
}

impl Sender {
    async fn work(mut self, rows_a_second: f64, report: mpsc::UnboundedSender<Request>) {
        // Senders do not begin together.
        let mut due = Instant::now() + Duration::from_millis(self.dice.below(1_000));
        for number in 0.. {
            let rows = RECORDS.start() + self.dice.below(RECORDS.end() - RECORDS.start() + 1);
            tokio::time::sleep_until(due.into()).await;
            if !*self.more.borrow() {
                return;
            }
            // What could not be sent in time is not made up for: the rate is a steady one.
            due = due.max(Instant::now()) + Duration::from_secs_f64(rows as f64 / rows_a_second);
            let id = Id { sender: self.number, number };
            let body = self.body(id, rows);
            let request = Request { id, rows, told: Told::Nothing, unknown: 0 };
            self.counts.sent.fetch_add(rows, Ordering::Relaxed);
            self.deliver(&body, Open { request, report: report.clone() }).await;
        }
    }

    fn body(&self, id: Id, rows: u64) -> Body {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let message = lines::request(id, rows, now);
        match self.line {
            Line::Http(_) => Body::Http(message.encode_to_vec().into()),
            Line::Grpc(_) => Body::Grpc(message),
        }
    }

    async fn deliver(&mut self, body: &Body, mut open: Open) {
        let mut back_off = BACK_OFF.0;
        loop {
            // Counted before it goes out: an attempt that is broken off has no answer either.
            open.request.unknown += 1;
            let answer = self.attempt(body).await;
            let after = match answer {
                Answer::Unanswered { was_sent: true, .. } => None,
                Answer::Unanswered { was_sent: false, .. } => {
                    open.request.unknown -= 1;
                    None
                }
                Answer::Accepted { rejected, .. } => {
                    open.request.unknown -= 1;
                    open.request.told = Told::Acked { rejected };
                    self.counts.acked.fetch_add(open.request.rows, Ordering::Relaxed);
                    return;
                }
                Answer::Permanent { .. } => {
                    open.request.unknown -= 1;
                    open.request.told = Told::Refused;
                    return;
                }
                Answer::Retry { after, .. } => {
                    open.request.unknown -= 1;
                    after
                }
            };
            self.counts.retries.fetch_add(1, Ordering::Relaxed);
            // Spread over half of it again, so that senders which were told together do not come together.
            let pause = after.unwrap_or(back_off);
            tokio::time::sleep(pause.mul_f64(1.0 + self.dice.below(500) as f64 / 1_000.0)).await;
            back_off = (back_off * 2).min(BACK_OFF.1);
        }
    }

    async fn attempt(&self, body: &Body) -> Answer {
        match (&self.line, body) {
            (Line::Http(line), Body::Http(bytes)) => line.send_encoded(bytes.clone()).await,
            (Line::Grpc(line), Body::Grpc(message)) => line.send(message).await,
            _ => Answer::Permanent { code: String::new(), reason: "a body of another transport".into() },
        }
    }
}
