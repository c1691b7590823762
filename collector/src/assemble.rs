//! Deliveries to blocks: the one thread on which decode and columns meet.
//!
//! Comes in: deliveries, from every connection. Goes out: sealed blocks, each with the duty to answer everybody
//! whose rows are in it. One block is open for each day of the rows' timestamps, ClickHouse's partition, so that a
//! sender with a broken clock cannot spoil the block of the others. A block is sealed by rows, bytes or age.
//! A delivery that turns out to be malformed half-way leaves no row behind.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    ack::{Ack, Outcome},
    columns::logs::{COLUMNS, LogRows, Mark},
    decode::otlp::{self, LogSink},
    delivery::Delivery,
    metrics::Pipeline,
    record::{LogRecord, Malformed, Resource, Scope},
    signal::Signal,
    table::{Block, Table},
};

/// Days for which rows may gather at once. A backfill of a month fits; above it the oldest block goes early, and a
/// single request that spans more is refused: each day is an insert and a part of its own.
const OPEN_DAYS: usize = 32;

/// How much larger than its request the columns it makes may be. A hex id is twice its bytes and a resource's
/// attributes repeat for each of its records; k8s resources of 2 KiB on 100-byte lines come to 20. Without a bound
/// half a kilobyte could ask for gigabytes.
const GROWTH: usize = 32;

/// What any request may make of itself, however small: 16 MiB is 8,000 rows with 2 KiB of attributes each.
const FREE_GROWTH: usize = 16 << 20;

const NANOSECONDS_A_DAY: u64 = 86_400_000_000_000;

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
    open: Vec<Open>,
    metrics: Arc<Pipeline>,
}

/// A block that still takes rows.
#[derive(Debug)]
struct Open {
    day: u64,
    rows: LogRows,
    acks: Vec<Ack>,
    since: Instant,
    /// Where this request's rows begin, once it has one here.
    mark: Option<Mark>,
}

/// One request on its way into the open blocks.
struct Request<'s> {
    open: &'s mut Vec<Open>,
    /// The open block that took the last record: mostly the right one for the next.
    last: usize,
    records: u64,
    now: Instant,
    /// Days this request has rows of.
    days: usize,
    /// Bytes of columns it may still make.
    room: usize,
}

/// Why a request cannot be taken.
enum Refused {
    Malformed(Malformed),
    /// Its rows span more than [`OPEN_DAYS`] days.
    Days,
    /// Its columns would be more than [`GROWTH`] times itself.
    Growth,
}

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Refused> for Outcome {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Malformed(malformed) => {
                Self::Reject(format!("the request is not a valid OTLP message: {malformed}").into())
            }
            Refused::Days => Self::Reject(
                format!("the records span more than {OPEN_DAYS} days; send them in several requests").into(),
            ),
            Refused::Growth => Self::TooLarge,
        }
    }
}

impl Assembler {
    pub fn new(limits: Limits, metrics: Arc<Pipeline>) -> Self {
        Self { limits, open: Vec::new(), metrics }
    }

    /// Takes a delivery; returns the blocks that are full with it.
    pub fn take(&mut self, delivery: Delivery, now: Instant) -> Vec<Block> {
        let Delivery { signal, body, transport, ack } = delivery;
        match self.decode(signal, &body, now) {
            Ok(0) => ack.settle(Outcome::Delivered { rejected: 0 }),
            Ok(records) => {
                self.metrics.accepted(signal, transport, records);
                self.keep(&ack);
                // Every block with rows of this delivery now holds a part of the duty.
                ack.settle(Outcome::Delivered { rejected: 0 });
            }
            Err(refused) => {
                self.roll_back();
                self.metrics.malformed(transport);
                ack.settle(refused.into());
            }
        }
        self.seal_where(|open, limits| open.rows.rows() >= limits.rows || open.rows.bytes() >= limits.bytes)
    }

    /// The blocks whose time has come.
    pub fn due(&mut self, now: Instant) -> Vec<Block> {
        self.seal_where(|open, limits| now.duration_since(open.since) >= limits.age)
    }

    /// When [`Self::due`] will have something.
    pub fn deadline(&self) -> Option<Instant> {
        self.open.iter().filter(|open| open.rows.rows() > 0).map(|open| open.since + self.limits.age).min()
    }

    /// Every open block, whatever its size: nothing more will come.
    pub fn finish(&mut self) -> Vec<Block> {
        self.seal_where(|_, _| true)
    }

    fn decode(&mut self, signal: Signal, body: &Bytes, now: Instant) -> Result<u64, Refused> {
        let room = FREE_GROWTH + GROWTH * body.len();
        let mut request = Request { open: &mut self.open, last: 0, records: 0, now, days: 0, room };
        match signal {
            Signal::Logs => otlp::logs(body, &mut request)?,
            Signal::Metrics | Signal::Traces => return Err(Refused::Malformed(Malformed::WireType(1))),
        }
        Ok(request.records)
    }

    fn keep(&mut self, ack: &Ack) {
        for open in &mut self.open {
            if open.mark.take().is_some() {
                open.acks.push(ack.part());
                open.rows.settle();
            }
        }
    }

    fn roll_back(&mut self) {
        for open in &mut self.open {
            if let Some(mark) = open.mark.take() {
                open.rows.rollback(mark);
            }
        }
    }

    fn seal_where(&mut self, is_full: impl Fn(&mut Open, &Limits) -> bool) -> Vec<Block> {
        let oldest = (self.open.len() > OPEN_DAYS).then(|| self.open.iter().map(|open| open.since).min()).flatten();
        let mut sealed = Vec::new();
        for open in &mut self.open {
            if open.rows.rows() > 0 && (Some(open.since) == oldest || is_full(open, &self.limits)) {
                sealed.push(open.seal());
            }
        }
        // The first one stays, empty: its buffers are warm and the next rows most likely belong to its day.
        let mut index = 0;
        self.open.retain(|open| {
            index += 1;
            index == 1 || open.rows.rows() > 0
        });
        sealed
    }
}

impl Open {
    fn new(day: u64, now: Instant) -> Self {
        Self { day, rows: LogRows::default(), acks: Vec::new(), since: now, mark: None }
    }

    fn seal(&mut self) -> Block {
        let rows = self.rows.rows() as u64;
        let (body, raw_bytes) = self.rows.seal().finish();
        Block {
            table: Table::Logs,
            rows,
            body,
            raw_bytes,
            columns: COLUMNS.into(),
            layout: None,
            acks: std::mem::take(&mut self.acks),
        }
    }
}

impl Request<'_> {
    fn block_of(&mut self, day: u64) -> &mut Open {
        if self.open.get(self.last).is_none_or(|open| open.day != day) {
            self.last = self.find_or_open(day);
        }
        let open = &mut self.open[self.last];
        if open.mark.is_none() {
            self.days += 1;
            open.mark = Some(open.rows.mark());
            if open.rows.rows() == 0 {
                open.since = self.now;
            }
        }
        open
    }

    #[cold]
    fn find_or_open(&mut self, day: u64) -> usize {
        if let Some(index) = self.open.iter().position(|open| open.day == day) {
            return index;
        }
        if let Some(index) = self.open.iter().position(|open| open.rows.rows() == 0 && open.mark.is_none()) {
            self.open[index].day = day;
            return index;
        }
        self.open.push(Open::new(day, self.now));
        self.open.len() - 1
    }
}

impl Request<'_> {
    /// Takes bytes out of what this request may make.
    #[inline]
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.room = self.room.checked_sub(bytes).ok_or(Refused::Growth)?;
        Ok(())
    }
}

impl<'a> LogSink<'a> for Request<'_> {
    type Refused = Refused;

    #[inline]
    fn record(&mut self, record: &LogRecord<'a>) -> Result<(), Refused> {
        self.records += 1;
        self.grow(ROW_BYTES + record.attributes.len() * ATTRIBUTE_BYTES)?;
        self.block_of(record.timestamp() / NANOSECONDS_A_DAY).rows.push(record);
        if self.days > OPEN_DAYS { Err(Refused::Days) } else { Ok(()) }
    }

    fn end_scope(&mut self, scope: &Scope<'a>) -> Result<(), Refused> {
        for index in 0..self.open.len() {
            if self.open[index].mark.is_some() {
                self.grow(scope.encoded_size() * self.open[index].rows.unscoped())?;
                self.open[index].rows.end_scope(scope);
            }
        }
        Ok(())
    }

    fn end_resource(&mut self, resource: &Resource<'a>) -> Result<(), Refused> {
        for index in 0..self.open.len() {
            if self.open[index].mark.is_some() {
                self.grow(resource.encoded_size() * self.open[index].rows.ungrouped())?;
                self.open[index].rows.end_resource(resource);
            }
        }
        Ok(())
    }
}

/// Bytes of a row of nothing: its fixed columns, lengths, offsets and indexes.
const ROW_BYTES: usize = 48;

/// Bytes of an attribute of nothing: an index, a length, and its view while it is read.
const ATTRIBUTE_BYTES: usize = 8;

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
        let wait = assembler
            .deadline()
            .map_or(IDLE_BEAT, |deadline| deadline.saturating_duration_since(Instant::now()).min(IDLE_BEAT));
        let next = runtime.block_on(async { tokio::time::timeout(wait, deliveries.recv()).await });
        let sealed = match next {
            Ok(Some(delivery)) => {
                let mut sealed = assembler.take(delivery, Instant::now());
                sealed.extend(assembler.due(Instant::now()));
                sealed
            }
            Ok(None) => break,
            Err(_) => assembler.due(Instant::now()),
        };
        send(sealed, blocks, &assembler.metrics, runtime);
    }
    let left = assembler.finish();
    send(left, blocks, &assembler.metrics, runtime);
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
