//! How many blocks of which table are in hand, so that one table in trouble does not hold up another.
//!
//! Comes in: blocks that want in. Goes out: a slot, or "not now". Each table has one slot of its own and may have up
//! to three of eight that all share. So each of the eight tables always can insert, a busy one has four inserts in
//! flight (one to fill the line, one being merged into the parts, two for late days), and ClickHouse never has more
//! than sixteen of one collector. Must not know what an insert is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};

use crate::table::Table;

/// Slots that no table owns.
const SHARED: usize = 8;

/// As many of those as one table may have.
const SHARED_OF_ONE: usize = 3;

/// Blocks in hand at once, over all tables.
pub const SLOTS: usize = Table::ALL.len() + SHARED;

/// As long as a block waits for a slot of a table that is merely busy. Meanwhile no other block moves, so it is
/// short beside the 10 s senders wait; a table that needs longer counts as stuck until one of its blocks is done.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// As long as a kept block waits for a slot of a table in trouble when nothing else is stored either. It may be that
/// blocks of other tables stand behind it.
const LONGEST_KEPT: Duration = Duration::from_secs(10);

/// First and longest time between two tries of a table that gets more than it can take. ClickHouse needs seconds to
/// merge a few of 3,000 parts.
const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(8));

/// Every table's lane.
#[derive(Debug)]
pub struct Lanes {
    by_table: BTreeMap<Table, Arc<Lane>>,
    /// Blocks stored, of all tables.
    stored: Arc<AtomicU64>,
}

/// The slots of one table.
#[derive(Debug)]
pub struct Lane {
    own: Arc<Semaphore>,
    more: Arc<Semaphore>,
    shared: Arc<Semaphore>,
    stored: Arc<AtomicU64>,
    /// As many bytes as a table in trouble may hold.
    share: usize,
    state: Mutex<State>,
    /// Rung when a block begins to be repeated.
    trouble: Notify,
}

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    /// Blocks whose last try failed.
    repeated: usize,
    /// A block has waited in vain, and none was done since.
    is_stuck: bool,
    /// The last failure was an answer of ClickHouse.
    is_answered: bool,
    /// Blocks stored, of all tables, when one of this table was put aside last.
    others: u64,
    pace: Duration,
    not_before: Option<Instant>,
}

/// A block's right to be in hand.
#[derive(Debug)]
pub struct Slot {
    lane: Arc<Lane>,
    bytes: usize,
    is_repeated: bool,
    _permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

impl Lanes {
    /// `share` is how many bytes of blocks a table in trouble may hold.
    pub fn new(share: usize) -> Self {
        let shared = Arc::new(Semaphore::new(SHARED));
        let stored = Arc::<AtomicU64>::default();
        let lane = || Lane {
            own: Arc::new(Semaphore::new(1)),
            more: Arc::new(Semaphore::new(SHARED_OF_ONE)),
            shared: Arc::clone(&shared),
            stored: Arc::clone(&stored),
            share,
            state: Mutex::default(),
            trouble: Notify::new(),
        };
        Self {
            by_table: Table::ALL.into_iter().map(|table| (table, Arc::new(lane()))).collect(),
            stored: Arc::clone(&stored),
        }
    }

    /// A slot for a block of so many bytes; none when the table is in trouble and at its limit. Waits while it is
    /// merely busy, so that a line that is faster than ClickHouse fills its own queues and then the budget.
    pub async fn admit(&self, table: Table, bytes: usize) -> Option<Slot> {
        let lane = self.by_table.get(&table)?;
        if lane.is_full_of_trouble(bytes) {
            return None;
        }
        tokio::select! {
            biased;
            permits = lane.permits() => Some(lane.fill(bytes, permits)),
            () = lane.in_trouble() => None,
            () = tokio::time::sleep(LONGEST_WAIT) => {
                lane.lock().is_stuck = true;
                None
            }
        }
    }

    /// As [`Self::admit`], for a block nobody waits for. Where ClickHouse as a whole does not answer, no other table
    /// would gain from its being put aside, and making it again would cost: it waits.
    pub async fn admit_kept(&self, table: Table, bytes: usize) -> Option<Slot> {
        let lane = self.by_table.get(&table)?;
        let begun = Instant::now();
        loop {
            let has_waited = begun.elapsed() >= LONGEST_KEPT;
            let others_go_on = lane.lock().others != self.stored.load(Ordering::Relaxed);
            if lane.is_full_of_trouble(bytes) && (lane.lock().is_answered || others_go_on || has_waited) {
                lane.lock().others = self.stored.load(Ordering::Relaxed);
                return None;
            }
            tokio::select! {
                biased;
                permits = lane.permits() => return Some(lane.fill(bytes, permits)),
                () = tokio::time::sleep(LONGEST_WAIT) => {}
            }
        }
    }
}

impl Lane {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn permits(&self) -> (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>) {
        let own = Arc::clone(&self.own).acquire_owned();
        let more = async {
            let more = Arc::clone(&self.more).acquire_owned().await?;
            let shared = Arc::clone(&self.shared).acquire_owned().await?;
            Ok::<_, AcquireError>((more, Some(shared)))
        };
        tokio::select! {
            biased;
            Ok(own) = own => (own, None),
            Ok(both) = more => both,
            // Both semaphores are closed: that never happens.
            else => std::future::pending().await,
        }
    }

    fn fill(self: &Arc<Self>, bytes: usize, permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)) -> Slot {
        self.lock().bytes += bytes;
        Slot { lane: Arc::clone(self), bytes, is_repeated: false, _permits: permits }
    }

    /// The first block always finds room, however large.
    fn is_full_of_trouble(&self, bytes: usize) -> bool {
        let state = self.lock();
        let has_trouble = state.repeated > 0 || state.is_stuck;
        let is_full = self.own.available_permits() == 0
            && (self.more.available_permits() == 0
                || self.shared.available_permits() == 0
                || state.bytes.saturating_add(bytes) > self.share);
        has_trouble && is_full
    }

    async fn in_trouble(&self) {
        loop {
            let rung = self.trouble.notified();
            if self.lock().repeated > 0 {
                return;
            }
            rung.await;
        }
    }
}

impl Slot {
    /// The last try failed, with an answer of ClickHouse or without.
    pub fn repeated(&mut self, is_answered: bool) {
        self.lane.lock().is_answered = is_answered;
        if !self.is_repeated {
            self.is_repeated = true;
            self.lane.lock().repeated += 1;
            self.lane.trouble.notify_one();
        }
    }

    /// The table gets more than it can take: no try of any of its blocks for a while, longer each time.
    pub fn slow_down(&self, now: Instant) {
        let mut state = self.lane.lock();
        if state.not_before.is_none_or(|until| until <= now) {
            state.pace = (state.pace * 2).clamp(PACE.0, PACE.1);
            state.not_before = Some(now + state.pace);
        }
    }

    /// The block is stored.
    pub fn stored(&self) {
        self.lane.stored.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lane.lock();
        state.is_stuck = false;
        state.pace /= 2;
        state.not_before = None;
    }

    /// How long the table wants to be left alone.
    pub fn pause(&self, now: Instant) -> Duration {
        self.lane.lock().not_before.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.lane.lock();
        state.bytes = state.bytes.saturating_sub(self.bytes);
        state.repeated -= usize::from(self.is_repeated);
    }
}

#[cfg(test)]
mod tests;
