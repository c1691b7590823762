//! What the spool counts.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::saturated;

/// Upper bounds in seconds: from a disk with a cache of its own to one that is in trouble.
const SECONDS: [f64; 11] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0];

/// The counters of the spool.
#[derive(Debug)]
pub struct SpoolMetrics {
    bytes: Gauge,
    limit: Gauge,
    waiting: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    blocks: Gauge,
    parked: Gauge,
    kept: Counter,
    commit_time: Histogram,
    full: Counter,
    disk_errors: Counter,
    damaged: Counter,
    replayed: Counter,
    dead_letters: Counter,
    known: Counter,
    streams: Gauge,
    streams_bytes: Gauge,
    streams_limit: Gauge,
    forgotten: Counter,
    positions: Gauge,
    positions_forgotten: Counter,
}

impl SpoolMetrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry, limit: u64) -> Self {
        let metrics = Self {
            bytes: Gauge::default(),
            limit: Gauge::default(),
            waiting: Gauge::default(),
            oldest: Gauge::default(),
            blocks: Gauge::default(),
            parked: Gauge::default(),
            kept: Counter::default(),
            commit_time: Histogram::new(SECONDS),
            full: Counter::default(),
            disk_errors: Counter::default(),
            damaged: Counter::default(),
            replayed: Counter::default(),
            dead_letters: Counter::default(),
            known: Counter::default(),
            streams: Gauge::default(),
            streams_bytes: Gauge::default(),
            streams_limit: Gauge::default(),
            forgotten: Counter::default(),
            positions: Gauge::default(),
            positions_forgotten: Counter::default(),
        };
        metrics.limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
        metrics.register(registry.sub_registry_with_prefix("clickstack_collector_spool"));
        metrics
    }

    fn register(&self, own: &mut Registry) {
        own.register_with_unit("used", "Bytes of the spool's files", Unit::Bytes, self.bytes.clone());
        own.register_with_unit("limit", "Bytes the spool may take", Unit::Bytes, self.limit.clone());
        own.register("waiting_deliveries", "Deliveries from the first that is not stored on", self.waiting.clone());
        let help = "How long the first delivery that is not stored has waited, from this process's start at the most";
        own.register_with_unit("oldest_delivery", help, Unit::Seconds, self.oldest.clone());
        own.register("unstored_blocks", "Blocks that are made and not stored", self.blocks.clone());
        own.register("parked_blocks", "Blocks put aside until their table takes blocks again", self.parked.clone());
        own.register("kept_deliveries", "Deliveries written to the disk", self.kept.clone());
        let help = "Time of a commit: write and fdatasync";
        own.register_with_unit("commit", help, Unit::Seconds, self.commit_time.clone());
        own.register("full", "Deliveries turned away because the spool was full", self.full.clone());
        own.register("disk_errors", "Failed writes and reads of the spool", self.disk_errors.clone());
        own.register("damaged_places", "Places found unreadable at the start", self.damaged.clone());
        own.register("replayed_blocks", "Blocks an earlier process had made and not stored", self.replayed.clone());
        own.register("dead_letters", "Records and requests that can never be stored", self.dead_letters.clone());
        self.register_streams(own);
    }

    fn register_streams(&self, own: &mut Registry) {
        let help = "Deliveries that a collector has sent again, and that were here already";
        own.register("known_deliveries", help, self.known.clone());
        own.register("streams", "Streams of other collectors of which is known what is here", self.streams.clone());
        let help = "Bytes that what is known of streams takes";
        own.register_with_unit("streams_used", help, Unit::Bytes, self.streams_bytes.clone());
        let help = "Bytes that what is known of streams may take";
        own.register_with_unit("streams_limit", help, Unit::Bytes, self.streams_limit.clone());
        let help = "Streams of which nothing is known any more: what they send again is stored again";
        own.register("forgotten_streams", help, self.forgotten.clone());
        let help = "Bytes of positions of log files that no checkpoint has yet";
        own.register_with_unit("positions", help, Unit::Bytes, self.positions.clone());
        let help = "Batches whose positions found no room: after a kill their lines are read again";
        own.register("forgotten_positions", help, self.positions_forgotten.clone());
    }

    /// How long the first delivery that is not stored has waited.
    pub fn waits(&self, oldest: Duration) {
        self.oldest.set(oldest.as_secs_f64());
    }

    pub fn committed(&self, deliveries: usize, took: Duration) {
        self.kept.inc_by(deliveries as u64);
        self.commit_time.observe(took.as_secs_f64());
    }

    pub fn full(&self) {
        self.full.inc();
    }

    pub fn disk_failed(&self) {
        self.disk_errors.inc();
    }

    /// A delivery was here already.
    pub fn knew(&self) {
        self.known.inc();
    }

    /// What is known of streams.
    pub fn remembers(&self, streams: usize, bytes: usize) {
        self.streams.set(saturated(streams));
        self.streams_bytes.set(saturated(bytes));
    }

    pub fn remembers_at_most(&self, bytes: usize) {
        self.streams_limit.set(saturated(bytes));
    }

    pub fn forgot(&self, streams: usize) {
        self.forgotten.inc_by(streams as u64);
    }

    /// What is held of positions.
    pub fn has_positions(&self, bytes: usize) {
        self.positions.set(saturated(bytes));
    }

    pub fn forgot_positions(&self, batches: usize) {
        self.positions_forgotten.inc_by(batches as u64);
    }

    pub fn buried(&self) {
        self.dead_letters.inc();
    }

    /// What an earlier process has left.
    pub fn found(&self, damaged: u64, blocks: usize) {
        self.damaged.inc_by(damaged);
        self.replayed.inc_by(blocks as u64);
    }

    /// What is in the spool now.
    pub fn holds(&self, bytes: u64, waiting: u64, blocks: usize, parked: usize) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.blocks.set(saturated(blocks));
        self.parked.set(saturated(parked));
    }
}
