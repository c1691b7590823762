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

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use crate::{
    ack::{Ack, Outcome},
    budget::Budget,
    delivery::{Delivery, Next, Source},
    making::{Fate, Making, Seq},
    metrics::{Pipeline, Trigger},
    table::{Block, Layouts},
};

mod check;
mod days;
mod direct;
mod growth;
mod request;
mod tables;

pub use check::check;
pub use direct::Direct;

pub use days::{DAYS_AWAITED, DAYS_KEPT, LAST_DAY};
use days::{Fill, Sealed};
use request::Selection;
use tables::{Tables, Taken};

/// When a block is full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows: usize,
    pub bytes: usize,
    pub age: Duration,
    /// The age of a block that fills fast: longer where no sender waits for it.
    pub patience: Duration,
    /// Bytes of all open blocks before compression, above which all are sealed. Where no sender waits for a block,
    /// nothing else bounds how many half-full ones there are.
    pub open: usize,
    /// Days of one table that one request may span.
    pub days: usize,
}

/// A block with less than an eighth of what it may have when its age comes fills slowly: what waiting would add to it is
/// not worth the wait of its rows.
const WORTH_WAITING: usize = 8;

/// Open blocks and what to do with them.
#[derive(Debug)]
pub struct Assembler {
    limits: Limits,
    tables: Tables,
    /// Whether the open blocks are made of kept deliveries. A block is of one kind: only of kept ones can it be made
    /// again.
    has_kept: bool,
    reads_numeric_levels: bool,
    layouts: watch::Receiver<Layouts>,
    metrics: Arc<Pipeline>,
}

impl Assembler {
    /// Blocks are made for the columns that `layouts` says the tables have.
    pub fn new(limits: Limits, layouts: watch::Receiver<Layouts>, metrics: Arc<Pipeline>) -> Self {
        let (tables, has_kept, reads_numeric_levels) = (Tables::new(false), false, false);
        let mut assembler = Self { limits, tables, has_kept, reads_numeric_levels, layouts, metrics };
        assembler.adopt_layouts(Instant::now());
        assembler
    }

    /// The same, reading [numbers as levels](crate::transform::Transform::new) where that is wanted.
    #[must_use]
    pub fn reading_numeric_levels(self, reads_numeric_levels: bool) -> Self {
        let mut assembler = Self { tables: Tables::new(reads_numeric_levels), reads_numeric_levels, ..self };
        assembler.adopt_layouts(Instant::now());
        assembler
    }

    /// Takes a delivery; returns the blocks that are full with it. The answer for one that is kept waits for nothing
    /// else.
    pub fn take(&mut self, delivery: Delivery, source: &mut dyn Source, now: Instant) -> Vec<Block> {
        let Delivery { signal, body, transport, ack, turn: _turn, kept, .. } = delivery;
        let mut sealed = Vec::new();
        if kept.is_some() != self.has_kept {
            sealed = self.finish(now);
            self.has_kept = kept.is_some();
        }
        let selection = kept.filter(|seq| source.has_made(*seq)).map(|seq| Selection::Unmade(seq, source));
        match self.tables.decode(signal, &body, selection, self.limits, now) {
            Ok(Taken { records, rejected }) => {
                self.metrics.accepted(signal, transport, records);
                self.metrics.rejected(signal, transport, rejected);
                ack.count(records);
                self.tables.each(&mut |blocks| blocks.keep(&ack, kept));
                // Unless it is kept, every block with rows of this delivery now holds a part of the duty.
                ack.settle(Outcome::Delivered { rejected });
            }
            Err(refused) => {
                self.tables.each(&mut |blocks| blocks.roll_back(kept));
                self.metrics.malformed(transport);
                if let Some(seq) = kept {
                    source.refused(seq, ack.is_awaited(), refused.reason());
                }
                ack.settle(refused.into());
            }
        }
        let Limits { rows, bytes, .. } = self.limits;
        let is_too_much = kept.is_some() && self.open_bytes() > self.limits.open;
        let full = self.seal_where(now, &|open| is_too_much || open.rows >= rows || open.bytes >= bytes);
        self.metrics.triggered(Trigger::Size, full.len());
        sealed.extend(full);
        sealed
    }

    /// Makes a block again from what is kept of it. None: it cannot be read now, or there is nothing in it; both are
    /// told.
    pub fn again(&mut self, making: &Making, source: &mut dyn Source, now: Instant) -> Option<Block> {
        let (limits, nobody) = (self.limits, Ack::to_nobody());
        let layouts = self.layouts.borrow().clone();
        let mut tables = Tables::new(self.reads_numeric_levels);
        let mut sealed = Sealed { blocks: Vec::new(), now, metrics: &self.metrics };
        tables.each(&mut |blocks| blocks.adopt(&layouts, &mut sealed));
        let is_read = source.read(making, &mut |signal, body, is_refused| {
            match tables.decode(signal, body, Some(Selection::Block(making)), limits, now) {
                Ok(_) if !is_refused => {
                    tables.each(&mut |blocks| blocks.keep(&nobody, Some(*making.deliveries.start())));
                }
                // As the first time.
                Ok(_) | Err(_) => tables.each(&mut |blocks| blocks.roll_back(None)),
            }
        });
        let receipt = source.receipt(making);
        if !is_read {
            receipt.tell(Fate::Again);
            return None;
        }
        tables.each(&mut |blocks| blocks.seal_where(&|_| true, &mut sealed));
        let Some(block) = sealed.blocks.pop() else {
            receipt.tell(Fate::Stored);
            return None;
        };
        if !making.is_divided() && block.rows != making.rows {
            let (table, rows, again) = (making.table.name(), making.rows, block.rows);
            tracing::error!(table, rows, again, "a block made again has not the rows it had");
        }
        Some(Block { deliveries: Some(making.deliveries.clone()), receipt: Some(receipt), ..block })
    }

    /// The blocks whose time has come.
    pub fn due(&mut self, now: Instant) -> Vec<Block> {
        let limits = self.limits;
        let due = self.seal_where(now, &|open| now >= due(open, limits));
        self.metrics.triggered(Trigger::Time, due.len());
        due
    }

    /// When [`Self::due`] will have something.
    pub fn deadline(&mut self) -> Option<Instant> {
        let (limits, mut next) = (self.limits, None::<Instant>);
        let due = |open: &Fill| due(open, limits);
        self.tables.each(&mut |blocks| next = [next, blocks.deadline(&due)].into_iter().flatten().min());
        next
    }

    /// Every open block, whatever its size: nothing more will come.
    pub fn finish(&mut self, now: Instant) -> Vec<Block> {
        let all = self.seal_where(now, &|_| true);
        self.metrics.triggered(Trigger::Time, all.len());
        all
    }

    fn open_bytes(&mut self) -> usize {
        let mut bytes = 0;
        self.tables.each(&mut |blocks| bytes += blocks.bytes());
        bytes
    }

    /// The first kept delivery that has rows in an open block.
    fn first(&mut self) -> Option<Seq> {
        let mut first: Option<Seq> = None;
        self.tables.each(&mut |blocks| first = [first, blocks.first()].into_iter().flatten().min());
        first
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
        self.metrics.triggered(Trigger::Time, sealed.blocks.len());
        sealed.blocks
    }

    fn seal_where(&mut self, now: Instant, is_due: &dyn Fn(&Fill) -> bool) -> Vec<Block> {
        let mut sealed = Sealed { blocks: Vec::new(), now, metrics: &self.metrics };
        self.tables.each(&mut |blocks| blocks.seal_where(is_due, &mut sealed));
        sealed.blocks
    }
}

/// When a block is to be sealed for its age.
fn due(open: &Fill, limits: Limits) -> Instant {
    let fills_fast = open.rows >= limits.rows / WORTH_WAITING || open.bytes >= limits.bytes / WORTH_WAITING;
    open.since + if fills_fast { limits.patience } else { limits.age }
}

/// Where blocks go.
#[derive(Debug)]
pub struct Outlet {
    pub blocks: mpsc::Sender<Block>,
    /// Memory for blocks of kept deliveries: their requests' own share of memory is given back with the answers.
    pub room: Budget,
    pub runtime: Handle,
}

/// Runs until no delivery can come any more, then seals what is open.
///
/// Runs on a thread of its own: a request of 8,000 records takes milliseconds, in which no socket may wait.
pub fn run(mut assembler: Assembler, mut source: impl Source, outlet: &Outlet) {
    // The last kept delivery. What is done is told at every turn: blocks are stored while nothing comes, too.
    let mut kept = None;
    loop {
        assembler.metrics.beat();
        let mut sealed = Vec::new();
        let next = source.next(wait(&mut assembler));
        if matches!(next, Next::End) {
            break;
        }
        // Before the delivery is taken: the columns may have become known while there was none.
        if assembler.layouts.has_changed().unwrap_or(false) {
            sealed = assembler.adopt_layouts(Instant::now());
        }
        match next {
            Next::Delivery(delivery) => {
                kept = delivery.kept.or(kept);
                sealed.extend(assembler.take(delivery, &mut source, Instant::now()));
            }
            Next::Again(making) => sealed.extend(assembler.again(&making, &mut source, Instant::now())),
            Next::Last => sealed.extend(assembler.finish(Instant::now())),
            Next::Pause | Next::End => assembler.report(),
        }
        sealed.extend(assembler.due(Instant::now()));
        outlet.send(sealed, &mut source, &assembler.metrics);
        if let Some(seq) = kept {
            source.assembled(seq, assembler.first());
        }
    }
    let left = assembler.finish(Instant::now());
    outlet.send(left, &mut source, &assembler.metrics);
}

/// Until a block is due, or it is time to show life.
fn wait(assembler: &mut Assembler) -> Duration {
    let deadline = assembler.deadline();
    deadline.map_or(IDLE_BEAT, |deadline| deadline.saturating_duration_since(Instant::now()).min(IDLE_BEAT))
}

/// How often an idle assembler shows that it lives.
const IDLE_BEAT: Duration = Duration::from_secs(1);

impl Outlet {
    /// Hands blocks on.
    fn send(&self, sealed: Vec<Block>, source: &mut dyn Source, metrics: &Pipeline) {
        for mut block in sealed {
            if block.deliveries.is_some() {
                let bytes = block.body.iter().map(bytes::Bytes::len).sum();
                block.room = self.wait(metrics, || self.room.wait(bytes));
            }
            // Without an inserter nobody will store the block; dropping it answers its senders "retry".
            let Ok(place) = self.wait(metrics, || self.blocks.clone().reserve_owned()) else { return };
            source.seal(block, place);
        }
    }

    /// Waiting for ClickHouse is no fault of this thread, so it shows its life meanwhile.
    fn wait<T, F: Future<Output = T>>(&self, metrics: &Pipeline, begin: impl Fn() -> F) -> T {
        loop {
            metrics.beat();
            let done = self.runtime.block_on(async { tokio::time::timeout(IDLE_BEAT, begin()).await });
            if let Ok(done) = done {
                return done;
            }
        }
    }
}

#[cfg(test)]
mod tests;
