//! The thread that keeps deliveries: many in one commit, and nobody is told anything before it.
//!
//! Comes in: deliveries from the receivers; what the line has made of them; what became of blocks. Goes out: deliveries
//! that are on the disk, to the line; blocks whose making is written down, to the outlet. A commit takes what has come
//! while the one before it was made. Must not decide anything about rows.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};

use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{OwnedPermit, Receiver, UnboundedReceiver},
        watch,
    },
};

use super::{
    ages::Ages,
    dead::DeadLetters,
    disk::Disk,
    feed::{LONGEST_IN_MEMORY, Shared},
    frame::{Entry, Kept, PAGE},
    log::Log,
    parked::Parked,
    trail::Trail,
    window::Window,
};
use crate::{
    ack::Outcome,
    delivery::{Check, Delivery},
    errand::Choose,
    id::Keeper,
    making::{Fate, Making, Notice, Receipt, Seq},
    metrics::SpoolMetrics,
    positions,
    table::Block,
};

mod commit;
mod divide;

use commit::Promised;

/// Bodies in one commit. Larger ones would not be cheaper, and their senders would wait for each other.
const COMMIT: usize = 4 << 20;

/// Commits do not follow each other faster: each costs some 40 µs of processor time, and a sender who waits for one
/// cannot tell 2 ms from none.
const PACE: Duration = Duration::from_millis(2);

/// How often the thread looks around while nothing comes.
const IDLE: Duration = Duration::from_secs(1);

/// As long as a disk that fails is left alone. Meanwhile answers wait for ClickHouse, as without a spool.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// When a sender whose delivery finds no room comes back: room comes with segments, of tens of megabytes.
const FULL: Duration = Duration::from_secs(5);

/// What the line says.
#[derive(Debug)]
pub enum Order {
    /// A block goes to the outlet as soon as its making is written down.
    Block(Box<(Block, OwnedPermit<Block>)>),
    /// A delivery was refused, and its sender told.
    Passed(Seq),
    /// A delivery that was answered can never be stored, for this reason.
    Unstorable(Seq, String),
}

/// What the thread works with.
#[derive(Debug)]
pub struct Writer<D: Disk> {
    pub log: Log<D>,
    pub shared: Arc<Shared>,
    pub deliveries: Receiver<Delivery>,
    pub orders: UnboundedReceiver<Order>,
    pub notices: UnboundedReceiver<Notice>,
    pub next_seq: Seq,
    pub check: Check,
    /// Whether siblings take blocks now; see [`super::Options`].
    pub called: Option<watch::Receiver<bool>>,
    pub were_called: bool,
    pub ages: Ages,
    pub max_age: Option<Duration>,
    /// The first delivery has waited longer than that.
    pub is_too_old: bool,
    pub dead: DeadLetters,
    pub metrics: Arc<SpoolMetrics>,
    pub parked: Parked,
    /// What is kept of other collectors' streams.
    pub window: Window,
    /// Positions of files that no checkpoint has.
    pub trail: Trail,
    /// See [`super::Options`].
    pub chooser: Option<Arc<dyn Choose>>,
    /// Entries that belong to the next commit.
    pub owed: Vec<Entry>,
    /// Deliveries whose letters could not be written yet.
    pub unburied: Vec<(Seq, String)>,
    /// Letters could not be written; they are not tried before.
    pub bury_again: Option<Instant>,
    /// The disk has failed; it is not asked again before.
    pub broken_until: Option<Instant>,
    /// When the last commit began.
    pub last: Instant,
    /// Sockets are closed.
    pub is_closed: bool,
}

/// What has come since the last commit.
#[derive(Debug, Default)]
struct Batch {
    deliveries: Vec<Delivery>,
    bytes: usize,
    orders: Vec<Order>,
    notices: Vec<Notice>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.orders.is_empty() && self.notices.is_empty()
    }

    fn add(&mut self, delivery: Delivery) {
        self.bytes += delivery.body.len();
        self.deliveries.push(delivery);
    }
}

impl<D: Disk> Writer<D> {
    /// Whose spool it is.
    pub const fn keeper(&self) -> Keeper {
        Keeper(self.log.own())
    }

    /// What whoever reads files has to know, and to tell.
    pub fn positions(&self) -> positions::Shared {
        self.trail.shared()
    }

    /// Runs until nothing can come from anybody.
    pub fn run(mut self, runtime: &Handle) {
        while let Some(batch) = self.collect(runtime) {
            self.spill();
            self.deal_with(batch);
            self.tidy();
            if self.is_closed {
                self.end_the_line();
            }
        }
        // What is owed is repeated by the next process, which asks ClickHouse with the same names.
        let _ = self.log.commit(&std::mem::take(&mut self.owed));
    }

    fn collect(&mut self, runtime: &Handle) -> Option<Batch> {
        let mut batch = Batch::default();
        self.drain(&mut batch);
        if batch.is_empty() {
            self.wait(&mut batch, runtime)?;
        }
        let early = PACE.saturating_sub(self.last.elapsed());
        if !early.is_zero() && !batch.is_empty() {
            runtime.block_on(async { tokio::time::sleep(early).await });
        }
        self.drain(&mut batch);
        self.last = Instant::now();
        Some(batch)
    }

    fn drain(&mut self, batch: &mut Batch) {
        while let Ok(order) = self.orders.try_recv() {
            batch.orders.push(order);
        }
        while let Ok(notice) = self.notices.try_recv() {
            batch.notices.push(notice);
        }
        while batch.bytes < COMMIT
            && let Ok(delivery) = self.deliveries.try_recv()
        {
            batch.add(delivery);
        }
    }

    fn wait(&mut self, batch: &mut Batch, runtime: &Handle) -> Option<()> {
        let has_waiting = !self.shared.lock().waiting.is_empty();
        let is_closed = self.is_closed;
        let longest = if has_waiting || is_closed { LONGEST_IN_MEMORY / 2 } else { IDLE };
        let Self { deliveries, orders, notices, .. } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                Some(order) = orders.recv() => batch.orders.push(order),
                Some(notice) = notices.recv() => batch.notices.push(notice),
                delivery = deliveries.recv(), if !is_closed => match delivery {
                    Some(delivery) => batch.add(delivery),
                    None => self.is_closed = true,
                },
                () = tokio::time::sleep(longest) => {}
            }
        });
        // Both ends are gone when the line and the outlet are.
        let is_over = self.is_closed && self.orders.is_closed() && self.notices.is_closed() && batch.is_empty();
        (!is_over).then_some(())
    }

    /// Nothing new will come. Where siblings may be called the line stays until everything is stored: a block that is
    /// given back has to be made again for them.
    fn end_the_line(&self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        state.is_over |= self.called.is_none() || state.progress.mark() >= state.head;
        drop(state);
        self.shared.wake();
    }

    /// The blocks that are made again now. When siblings are called none waits for its table any longer.
    fn due(&mut self) -> Vec<Making> {
        let are_called = self.called.as_ref().is_some_and(|called| *called.borrow());
        if are_called && !std::mem::replace(&mut self.were_called, true) {
            return self.parked.all();
        }
        self.parked.due(Instant::now())
    }

    /// What has waited too long for the line is answered now and waits on the disk.
    pub(super) fn spill(&mut self) {
        let mut state = self.shared.lock();
        let is_late = |(_, since): &(Delivery, Instant)| since.elapsed() > LONGEST_IN_MEMORY;
        if !state.waiting.front().is_some_and(is_late) {
            return;
        }
        let (kept, unkept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.waiting).into_iter().partition(|(delivery, _)| delivery.kept.is_some());
        // Never true by this alone: the line may have what was answered earlier still to read.
        state.is_live &= kept.is_empty();
        state.waiting = unkept.into();
        drop(state);
        kept.into_iter().for_each(|(delivery, _)| self.answer(delivery));
    }

    /// Answers for a delivery that is on the disk and that the line will look at later.
    fn answer(&mut self, delivery: Delivery) {
        let outcome = match (self.check)(delivery.signal, &delivery.body) {
            Ok(checked) => Outcome::Delivered { rejected: checked.rejected },
            Err(malformed) => {
                if let Some(seq) = delivery.kept {
                    self.owed.push(Entry::Passed(seq));
                    self.shared.lock().told.insert(seq);
                }
                Outcome::malformed(malformed)
            }
        };
        delivery.ack.settle(outcome);
    }

    fn deal_with(&mut self, batch: Batch) {
        let mut promised = Promised { entries: std::mem::take(&mut self.owed), ..Promised::default() };
        for notice in batch.notices {
            self.note(notice, &mut promised);
        }
        for order in batch.orders {
            self.obey(order, &mut promised);
        }
        if self.may_bury() {
            for (seq, reason) in std::mem::take(&mut self.unburied) {
                self.bury(seq, reason, &mut promised);
            }
        }
        let new = self.recognize(batch.deliveries);
        if self.is_broken() {
            self.pass_on(new);
            self.owed = std::mem::take(&mut promised.entries);
            self.publish(promised);
        } else {
            self.keep(new, &mut promised);
            self.commit(promised);
        }
    }

    fn is_broken(&self) -> bool {
        self.broken_until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&mut self, notice: Notice, promised: &mut Promised) {
        match notice {
            Notice::Block(making, Fate::Stored) => {
                promised.again.extend(self.parked.stored(making.table));
                promised.done(&making);
            }
            Notice::Block(making, Fate::Again) => self.parked.park(making, Instant::now()),
            Notice::Block(making, Fate::Refused(code)) => self.refused(making, code, promised),
            Notice::Passed(seq) => promised.passed(seq),
            Notice::Unstorable(seq, reason) => self.bury(seq, reason, promised),
            // Without room it is turned all the same: should this process be killed, the next one looks for it at the
            // gateway before.
            Notice::Turned(_, _, done) if !self.log.has_room(PAGE) => drop(done.send(())),
            Notice::Turned(seq, keeper, done) => {
                promised.entries.push(Entry::Turned(seq, keeper));
                promised.turned.push(done);
            }
        }
    }

    fn obey(&mut self, order: Order, promised: &mut Promised) {
        match order {
            Order::Block(block) => {
                let (block, place) = *block;
                if let Some(Receipt { making, .. }) = &block.receipt {
                    promised.entries.push(Entry::Block(making.clone()));
                }
                promised.blocks.push((block, place));
            }
            Order::Passed(seq) => promised.entries.push(Entry::Passed(seq)),
            Order::Unstorable(seq, reason) => self.bury(seq, reason, promised),
        }
    }

    /// What is not kept yet; of the rest the senders are told so.
    fn recognize(&mut self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let is_known = |delivery: &Delivery| delivery.id.is_some_and(|id| self.window.knows(&id));
        let (known, new): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(is_known);
        for delivery in known {
            self.metrics.knew();
            self.answer(delivery);
        }
        new
    }

    /// Numbers what there is room for. Who finds none comes back later.
    fn keep(&mut self, deliveries: Vec<Delivery>, promised: &mut Promised) {
        let (mut bytes, mut names) = (0, HashSet::new());
        // What waits on the disk goes to somebody who is there then.
        let chooser = self.chooser.clone().filter(|_| self.shared.lock().is_live);
        if !deliveries.is_empty() {
            self.ages.kept(self.next_seq, Instant::now());
        }
        for (index, mut delivery) in deliveries.into_iter().enumerate() {
            if delivery.id.is_some_and(|id| !names.insert((id.stream, id.seq))) {
                promised.repeated.push(delivery);
                continue;
            }
            let batch = delivery.positions.as_ref().map(|positions| positions.batch);
            let size = super::frame::size_of_kept(&delivery.body, delivery.positions.as_ref());
            let is_next = batch.is_none_or(|batch| self.trail.is_next(batch));
            if self.is_too_old || !is_next || !self.log.has_room(bytes + size) {
                self.metrics.full();
                batch.into_iter().for_each(|batch| self.trail.turned_away(batch));
                delivery.ack.settle(Outcome::Retry { after: spread(FULL, self.next_seq + index as u64) });
                continue;
            }
            batch.into_iter().for_each(|batch| self.trail.came(batch));
            bytes += size;
            let Delivery { signal, transport, id, .. } = delivery;
            let received = UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
            let (seq, body, positions) = (self.next_seq, delivery.body.clone(), delivery.positions.clone());
            self.next_seq += 1;
            let to = chooser.as_ref().and_then(|chooser| chooser.choose());
            promised.entries.push(Entry::Kept(Kept { seq, signal, transport, received, id, to, positions, body }));
            delivery.to = to;
            delivery.kept = Some(seq);
            promised.kept.push(delivery);
        }
    }

    pub(super) fn tidy(&mut self) {
        let due = self.due();
        let mut state = self.shared.lock();
        let has_due = !due.is_empty();
        state.again.extend(due);
        let (mark, head, blocks) = (state.progress.mark(), state.head, state.progress.blocks());
        drop(state);
        if has_due {
            self.shared.wake();
        }
        if !self.is_broken()
            && let Err(error) = self.log.release(mark, &self.window, &mut self.trail)
        {
            tracing::warn!(%error, "the spool cannot give back a segment");
            self.metrics.disk_failed();
            self.broken_until = Some(Instant::now() + AFTER_ERROR);
        }
        let segments = self.log.segments();
        self.metrics.holds(segments.bytes(), head.saturating_sub(mark), blocks, self.parked.count());
        let oldest = self.ages.oldest(mark, head, Instant::now());
        self.is_too_old = self.max_age.is_some_and(|longest| oldest > longest);
        self.metrics.waits(oldest);
        self.metrics.remembers(self.window.streams(), self.window.bytes());
        self.metrics.has_positions(self.trail.bytes());
    }
}

/// Senders told to come back at one time would come back at one time: they are told times from one to two of `time`.
fn spread(time: Duration, which: u64) -> Duration {
    // Fibonacci hashing: neighbours get times far apart.
    let part = (which.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as u32;
    time + time * part / 1024
}
