//! Signs of life: whether the line's thread moves, and whether the blocks in the inserter's hands come to an end.
//!
//! Comes in: beats, and blocks with the time they may take. Goes out: what stands still, for the probes. Must not
//! judge ClickHouse: a block that is answered "retry" in time is progress.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;

/// An idle line shows its life every second; a busy one between two deliveries.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// What a probe asks about.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    /// Milliseconds from `started` to the last sign of life.
    beat: AtomicU64,
    next: AtomicU64,
    /// When each block in hand has to be answered for. Bounded by the inserter's slots.
    deadlines: Mutex<BTreeMap<u64, Instant>>,
}

/// A block that must come to an end; dropping it says that it has.
#[derive(Debug)]
pub struct InHand {
    progress: Arc<Progress>,
    number: u64,
    gauge: Gauge,
}

impl Progress {
    pub const fn new(now: Instant) -> Self {
        Self { started: now, beat: AtomicU64::new(0), next: AtomicU64::new(0), deadlines: Mutex::new(BTreeMap::new()) }
    }

    /// The line's thread lives.
    pub fn beat(&self) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(since, Ordering::Relaxed);
    }

    /// A block is in hand, to be answered for by then.
    pub(super) fn take(progress: &Arc<Self>, deadline: Instant, gauge: Gauge) -> InHand {
        let number = progress.next.fetch_add(1, Ordering::Relaxed);
        progress.deadlines.lock().unwrap_or_else(PoisonError::into_inner).insert(number, deadline);
        gauge.inc();
        InHand { progress: Arc::clone(progress), number, gauge }
    }

    /// What stands still at `now`, if anything does.
    pub fn standstill(&self, now: Instant) -> Option<String> {
        let beat = self.started + Duration::from_millis(self.beat.load(Ordering::Relaxed));
        let silence = now.saturating_duration_since(beat);
        if silence > LONGEST_SILENCE {
            return Some(format!("no progress for {} s", silence.as_secs()));
        }
        let deadlines = self.deadlines.lock().unwrap_or_else(PoisonError::into_inner);
        let overdue = deadlines.values().filter(|deadline| **deadline + LONGEST_SILENCE < now).count();
        (overdue > 0).then(|| format!("{overdue} inserts have not ended in time"))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.progress.deadlines.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
        self.gauge.dec();
    }
}
