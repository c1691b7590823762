//! What is kept, on its way to the line.
//!
//! Comes in: deliveries that are committed. Goes out: the same, from memory while the line keeps up, and from the disk
//! when it does not, in one order. What waits in memory is answered all the same after [`LONGEST_IN_MEMORY`], and then
//! waits on the disk alone: a line that is held up costs senders nothing and this process no memory. Must not judge a
//! delivery.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{OwnedPermit, UnboundedSender};

use super::{
    Order, coverage::Coverage, disk::DiskFile, frame::Kept, log::Segments, progress::Progress, reader::Reader,
};
use crate::{
    ack::Ack,
    delivery::{Delivery, Next, Source},
    errand::Errand,
    id::{Id, Keeper},
    making::{ALL_RECORDS, ENCODER, Making, Name, Notice, Passage, Receipt, Seq},
    metrics::SpoolMetrics,
    signal::Signal,
    table::{Block, Table},
};

/// As long as a sender waits for the line to look at its delivery. A line that keeps up takes what there is at once; one
/// that is merely saturated has what may be read ahead, 16 MiB, and opens that in a fifth of a second.
pub const LONGEST_IN_MEMORY: Duration = Duration::from_millis(400);

/// As long as the disk is left alone after a failed read.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// What the writing thread and the line share.
#[derive(Debug)]
pub struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug)]
pub struct State {
    /// Every delivery below can be read.
    pub head: Seq,
    /// Committed and not yet taken, up to `head`; those that could not be kept among them.
    pub waiting: VecDeque<(Delivery, Instant)>,
    /// The line has had everything that is not in `waiting`.
    pub is_live: bool,
    pub again: VecDeque<Making>,
    /// Nothing new will come.
    pub is_closed: bool,
    /// Nor anything that has to be made again.
    pub is_over: bool,
    pub progress: Progress,
    pub next_block: u64,
    /// Refused by the writing thread, which has told their senders; the line has yet to find out.
    pub told: BTreeSet<Seq>,
}

impl Shared {
    pub fn new(head: Seq, progress: Progress, next_block: u64, again: Vec<Making>) -> Arc<Self> {
        let state = State {
            head,
            waiting: VecDeque::new(),
            is_live: false,
            again: again.into(),
            is_closed: false,
            is_over: false,
            progress,
            next_block,
            told: BTreeSet::new(),
        };
        Arc::new(Self { state: Mutex::new(state), wake: Condvar::new() })
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wake(&self) {
        self.wake.notify_one();
    }
}

/// The line's end of a spool.
#[derive(Debug)]
pub struct Feed<F> {
    pub shared: Arc<Shared>,
    pub segments: Segments<F>,
    pub reader: Reader<F>,
    pub coverage: Coverage,
    pub writer: u128,
    /// From which delivery on they belong to which stream.
    pub streams: Vec<(Seq, Option<u128>)>,
    /// To whom an earlier process has turned with deliveries.
    pub turned: BTreeMap<Seq, Keeper>,
    /// How far the line may be ahead of the first delivery that is not done.
    pub longest_ahead: Option<Seq>,
    /// Deliveries that were refused and are not given back yet: no block has rows of them.
    pub refused: BTreeSet<Seq>,
    /// The last turn was one of a block that is made again.
    pub had_again: bool,
    /// The line knows that nothing new will come.
    pub had_last: bool,
    /// An open block has rows of deliveries from here on.
    pub open: Option<Seq>,
    /// What stood below on the disk and has not come is damaged.
    pub skipped: Seq,
    /// Bounded by the places of the outlet's queue, and by what one delivery can have to say.
    pub orders: UnboundedSender<Order>,
    pub notices: UnboundedSender<Notice>,
    pub metrics: Arc<SpoolMetrics>,
}

impl<F: DiskFile> Feed<F> {
    /// Whether an earlier process has left blocks to be made again.
    pub fn has_blocks(&self) -> bool {
        !self.shared.lock().again.is_empty()
    }

    fn has_delivery(&self, state: &State) -> bool {
        !state.waiting.is_empty() || self.reader.next() < state.head
    }

    /// The first delivery that has to wait until an earlier one is done.
    fn end(&self, state: &State) -> Seq {
        self.longest_ahead.map_or(Seq::MAX, |ahead| state.progress.mark().saturating_add(ahead))
    }

    /// The next delivery from the disk, if the line is behind.
    fn read_back(&mut self, head: Seq) -> Option<Next> {
        match self.reader.read() {
            Ok(Some(kept)) => Some(Next::Delivery(unanswered(kept))),
            Ok(None) => {
                // Damaged, and told at the start: what is left below `head` was handed on.
                self.reader.skip_to(head);
                self.skipped = head;
                self.shared.lock().progress.assembled_below(self.open.unwrap_or(head));
                None
            }
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read, it is tried again");
                self.metrics.disk_failed();
                // Blocks that are made meanwhile do not wait longer than their sealing would make them.
                drop(self.shared.wake.wait_timeout(self.shared.lock(), AFTER_ERROR));
                Some(Next::Pause)
            }
        }
    }
}

/// The stream of the process that kept a delivery; none where it knew of no streams.
pub fn stream_of(streams: &[(Seq, Option<u128>)], seq: Seq) -> Option<u128> {
    streams.iter().rev().find(|(first, _)| *first <= seq).and_then(|(_, stream)| *stream)
}

/// It was answered when it was kept.
fn unanswered(kept: Kept) -> Delivery {
    let Kept { seq, signal, transport, id, to, body, .. } = kept;
    Delivery { kept: Some(seq), id, to, ..Delivery::new(signal, body, transport, Ack::to_nobody()) }
}

impl<F: DiskFile> Source for Feed<F> {
    fn next(&mut self, wait: Duration) -> Next {
        let deadline = Instant::now() + wait;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        loop {
            // In turn: a table whose every block is made again must not hold up the others.
            let is_due = !std::mem::take(&mut self.had_again) || !self.has_delivery(&state);
            if is_due && let Some(making) = state.again.pop_front() {
                self.had_again = true;
                return Next::Again(making);
            }
            let end = self.end(&state);
            // What stands before it on the disk goes first.
            let is_next = |(delivery, _): &mut (Delivery, Instant)| {
                delivery.kept.is_none_or(|seq| seq <= self.reader.next() && seq < end)
            };
            if let Some((delivery, _)) = state.waiting.pop_front_if(is_next) {
                if let Some(seq) = delivery.kept {
                    self.reader.skip_to(seq + 1);
                }
                return Next::Delivery(delivery);
            }
            let is_held_up = self.reader.next() >= end;
            if self.reader.next() < state.head && !is_held_up {
                let head = state.head;
                drop(state);
                if let Some(next) = self.read_back(head) {
                    return next;
                }
                state = shared.lock();
                continue;
            }
            state.is_live |= !is_held_up;
            if state.is_over && !is_held_up {
                return Next::End;
            }
            if state.is_closed && !is_held_up && !std::mem::replace(&mut self.had_last, true) {
                return Next::Last;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Pause;
            }
            state = shared.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A block of kept deliveries is written down before it goes to the outlet; one that is made again has been.
    fn seal(&mut self, mut block: Block, place: OwnedPermit<Block>) {
        let Some(deliveries) = block.deliveries.clone().filter(|_| block.receipt.is_none()) else {
            place.send(block);
            return;
        };
        let mut state = self.shared.lock();
        let name = Name { writer: self.writer, number: state.next_block };
        state.next_block += 1;
        state.progress.hold(*deliveries.start());
        drop(state);
        let Block { table, day, rows, .. } = block;
        let making = Making { name, table, day, deliveries, records: ALL_RECORDS, rows, encoder: ENCODER };
        block.receipt = Some(self.receipt(&making));
        // Without a writing thread the process is at its end, and the rows stay in the spool.
        let _ = self.orders.send(Order::Block(Box::new((block, place))));
    }

    fn read(&mut self, making: &Making, each: &mut dyn FnMut(Signal, &[u8], bool)) -> bool {
        let signal = making.table.signal();
        let read = Reader::range(&self.segments, &making.deliveries, &mut |kept| {
            if kept.signal == signal {
                each(signal, &kept.body, self.refused.contains(&kept.seq));
            }
        });
        if let Err(error) = &read {
            tracing::error!(%error, "the spool cannot be read, the block is made later");
            self.metrics.disk_failed();
        }
        read.is_ok()
    }

    fn receipt(&self, making: &Making) -> Receipt {
        Receipt::new(making.clone(), self.notices.clone())
    }

    fn has_made(&self, seq: Seq) -> bool {
        self.coverage.reaches(seq)
    }

    fn is_made(&self, seq: Seq, block: (Table, u64)) -> bool {
        self.coverage.has(seq, block)
    }

    fn is_passed(&self, seq: Seq) -> bool {
        self.coverage.has_passed(seq)
    }

    fn hand_on(&mut self, seq: Seq, to: Option<Keeper>) -> Passage {
        let mut state = self.shared.lock();
        let floor = state.progress.mark();
        state.progress.hold(seq);
        drop(state);
        let id = stream_of(&self.streams, seq).map(|stream| Id { stream, seq, floor });
        // Of an earlier process, it may have been sent. What was kept without a gateway's name was not: then one is
        // written down first.
        let to = self.turned.remove(&seq).or(to);
        let is_doubtful = to.is_some() && self.streams.last().is_some_and(|(first, _)| seq < *first);
        let errand = Errand::new(seq, to, is_doubtful, self.notices.clone());
        Passage::new(seq, id, Some(errand), self.notices.clone())
    }

    fn assembled(&mut self, seq: Seq, open: Option<Seq>) {
        self.coverage.forget_below(seq);
        self.open = open;
        let mut state = self.shared.lock();
        state.progress.assembled_below(open.unwrap_or(self.skipped.max(seq + 1)));
        let mark = state.progress.mark();
        drop(state);
        while self.refused.first().is_some_and(|first| *first < mark) {
            self.refused.pop_first();
        }
    }

    fn refused(&mut self, seq: Seq, is_told: bool, reason: &str) {
        self.refused.insert(seq);
        let mut state = self.shared.lock();
        let is_told = state.told.remove(&seq) || is_told;
        if !is_told {
            // Until its letter is written.
            state.progress.hold(seq);
        }
        drop(state);
        let order = if is_told { Order::Passed(seq) } else { Order::Unstorable(seq, reason.to_owned()) };
        let _ = self.orders.send(order);
    }
}
