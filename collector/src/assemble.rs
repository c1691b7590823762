//! Deliveries to blocks: the one thread on which decode, transform and columns meet.
//!
//! Comes in: deliveries, from every connection. Goes out: sealed blocks, each with the duty to answer everybody
//! whose rows are in it. One block is open for each table and each day of the rows' timestamps, ClickHouse's
//! partition, so that a sender with a broken clock cannot spoil the block of the others. A block is sealed by rows,
//! bytes or age. A delivery that turns out to be malformed half-way leaves no row behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use crate::{
    ack::Outcome,
    columns::{
        logs::LogColumns,
        metrics::{ExponentialColumns, GaugeColumns, HistogramColumns, SumColumns, SummaryColumns},
        traces::SpanColumns,
    },
    decode::otlp,
    delivery::Delivery,
    metrics::Pipeline,
    signal::Signal,
    table::{Block, Layouts, Table},
    transform::Transform,
};

mod days;
mod growth;
mod request;

use days::{Days, OpenBlocks, Sealed};
use request::{LogRequest, PointRequest, Refused, Request, SpanRequest};

/// When a block is full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows: usize,
    pub bytes: usize,
    pub age: Duration,
}

/// Open blocks and what to do with them.
#[derive(Debug)]
pub struct Assembler {
    limits: Limits,
    tables: Tables,
    transform: Transform,
    layouts: watch::Receiver<Layouts>,
    metrics: Arc<Pipeline>,
}

/// The open blocks of every table.
#[derive(Debug)]
struct Tables {
    logs: Days<LogColumns>,
    sessions: Days<LogColumns>,
    traces: Days<SpanColumns>,
    gauge: Days<GaugeColumns>,
    sum: Days<SumColumns>,
    histogram: Days<HistogramColumns>,
    exponential: Days<ExponentialColumns>,
    summary: Days<SummaryColumns>,
}

impl Assembler {
    /// Blocks are made for the columns that `layouts` says the tables have.
    pub fn new(limits: Limits, layouts: watch::Receiver<Layouts>, metrics: Arc<Pipeline>) -> Self {
        let tables = Tables::new();
        let mut assembler = Self { limits, tables, transform: Transform::default(), layouts, metrics };
        assembler.adopt_layouts(Instant::now());
        assembler
    }

    /// Takes a delivery; returns the blocks that are full with it.
    pub fn take(&mut self, delivery: Delivery, now: Instant) -> Vec<Block> {
        let Delivery { signal, body, transport, ack, turn: _turn } = delivery;
        match self.decode(signal, &body, now) {
            Ok(Taken { records, rejected }) => {
                self.metrics.accepted(signal, transport, records);
                self.metrics.rejected(signal, transport, rejected);
                self.tables.each(&mut |blocks| blocks.keep(&ack));
                // Every block with rows of this delivery now holds a part of the duty.
                ack.settle(Outcome::Delivered { rejected });
            }
            Err(refused) => {
                self.tables.each(&mut |blocks| blocks.roll_back());
                self.metrics.malformed(transport);
                ack.settle(refused.into());
            }
        }
        let Limits { rows, bytes, .. } = self.limits;
        self.seal_where(now, &|open| open.rows >= rows || open.bytes >= bytes)
    }

    /// The blocks whose time has come.
    pub fn due(&mut self, now: Instant) -> Vec<Block> {
        let age = self.limits.age;
        self.seal_where(now, &|open| now.duration_since(open.since) >= age)
    }

    /// When [`Self::due`] will have something.
    pub fn deadline(&mut self) -> Option<Instant> {
        let mut oldest: Option<Instant> = None;
        self.tables.each(&mut |blocks| oldest = [oldest, blocks.oldest()].into_iter().flatten().min());
        oldest.map(|since| since + self.limits.age)
    }

    /// Every open block, whatever its size: nothing more will come.
    pub fn finish(&mut self, now: Instant) -> Vec<Block> {
        self.seal_where(now, &|_| true)
    }

    /// Tells the metrics what the open blocks hold.
    pub fn report(&mut self) {
        let metrics = &self.metrics;
        self.tables.each(&mut |blocks| blocks.report(metrics));
    }

    /// Follows a change of the tables' columns: blocks begun for the old ones are closed.
    pub fn adopt_layouts(&mut self, now: Instant) -> Vec<Block> {
        let layouts = self.layouts.borrow_and_update().clone();
        let mut sealed = Sealed { blocks: Vec::new(), now, metrics: &self.metrics };
        self.tables.each(&mut |blocks| blocks.adopt(&layouts, &mut sealed));
        sealed.blocks
    }

    fn decode(&mut self, signal: Signal, body: &[u8], now: Instant) -> Result<Taken, Refused> {
        let Tables { logs, sessions, traces, gauge, sum, histogram, exponential, summary } = &mut self.tables;
        let mut request = Request::new(body.len(), self.limits.bytes, now);
        match signal {
            Signal::Logs => {
                let mut sink = LogRequest { request, logs, sessions, transform: &mut self.transform };
                otlp::logs(body, &mut sink)?;
                request = sink.request;
            }
            Signal::Metrics => {
                let mut sink = PointRequest { request, gauge, sum, histogram, exponential, summary };
                otlp::metrics(body, &mut sink)?;
                request = sink.request;
            }
            Signal::Traces => {
                let mut sink = SpanRequest { request, traces };
                otlp::traces(body, &mut sink)?;
                request = sink.request;
            }
        }
        Ok(Taken { records: request.records, rejected: request.rejected })
    }

    fn seal_where(&mut self, now: Instant, is_due: &dyn Fn(&days::Fill) -> bool) -> Vec<Block> {
        let mut sealed = Sealed { blocks: Vec::new(), now, metrics: &self.metrics };
        self.tables.each(&mut |blocks| blocks.seal_where(is_due, &mut sealed));
        sealed.blocks
    }
}

/// What a request came to.
struct Taken {
    records: u64,
    /// Records that can never be stored.
    rejected: u64,
}

impl Tables {
    fn new() -> Self {
        Self {
            logs: Days::new(Table::Logs),
            sessions: Days::new(Table::Sessions),
            traces: Days::new(Table::Traces),
            gauge: Days::new(Table::Gauge),
            sum: Days::new(Table::Sum),
            histogram: Days::new(Table::Histogram),
            exponential: Days::new(Table::ExponentialHistogram),
            summary: Days::new(Table::Summary),
        }
    }

    fn each(&mut self, act: &mut dyn FnMut(&mut dyn OpenBlocks)) {
        act(&mut self.logs);
        act(&mut self.sessions);
        act(&mut self.traces);
        act(&mut self.gauge);
        act(&mut self.sum);
        act(&mut self.histogram);
        act(&mut self.exponential);
        act(&mut self.summary);
    }
}

/// Runs until no delivery can come any more, then seals what is open.
///
/// Runs on a thread of its own: a request of 8,000 records takes milliseconds, in which no socket may wait.
pub fn run(
    mut assembler: Assembler,
    mut deliveries: mpsc::Receiver<Delivery>,
    blocks: &mpsc::Sender<Block>,
    runtime: &tokio::runtime::Handle,
) {
    loop {
        assembler.metrics.beat();
        let mut sealed = Vec::new();
        let next = next(&mut assembler, &mut deliveries, runtime);
        if matches!(next, Next::End) {
            break;
        }
        // Before the delivery is taken: the columns may have become known while there was none.
        if assembler.layouts.has_changed().unwrap_or(false) {
            sealed = assembler.adopt_layouts(Instant::now());
        }
        match next {
            Next::Delivery(delivery) => sealed.extend(assembler.take(delivery, Instant::now())),
            Next::Pause | Next::End => assembler.report(),
        }
        sealed.extend(assembler.due(Instant::now()));
        send(sealed, blocks, &assembler.metrics, runtime);
    }
    let left = assembler.finish(Instant::now());
    send(left, blocks, &assembler.metrics, runtime);
}

enum Next {
    Delivery(Delivery),
    /// A block may be due, or it is time to show life.
    Pause,
    End,
}

/// What waits is taken without arming a timer: under load that would cost more than a small delivery.
fn next(
    assembler: &mut Assembler,
    deliveries: &mut mpsc::Receiver<Delivery>,
    runtime: &tokio::runtime::Handle,
) -> Next {
    if let Ok(delivery) = deliveries.try_recv() {
        return Next::Delivery(delivery);
    }
    let wait = assembler
        .deadline()
        .map_or(IDLE_BEAT, |deadline| deadline.saturating_duration_since(Instant::now()).min(IDLE_BEAT));
    match runtime.block_on(async { tokio::time::timeout(wait, deliveries.recv()).await }) {
        Ok(Some(delivery)) => Next::Delivery(delivery),
        Ok(None) => Next::End,
        Err(_) => Next::Pause,
    }
}

/// How often an idle assembler shows that it lives.
const IDLE_BEAT: Duration = Duration::from_secs(1);

/// Hands blocks on. Waiting for ClickHouse is no fault of this thread, so it shows its life meanwhile.
fn send(sealed: Vec<Block>, blocks: &mpsc::Sender<Block>, metrics: &Pipeline, runtime: &tokio::runtime::Handle) {
    for block in sealed {
        loop {
            metrics.beat();
            match runtime.block_on(async { tokio::time::timeout(IDLE_BEAT, blocks.reserve()).await }) {
                Ok(Ok(slot)) => {
                    slot.send(block);
                    break;
                }
                // Without an inserter nobody will store the block; dropping it answers its senders "retry".
                Ok(Err(_)) => break,
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
