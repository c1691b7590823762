//! What is counted of blocks that siblings have handed over.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::ack::Outcome;

/// The counters of the shelf.
#[derive(Debug, Default)]
pub struct ShelfMetrics {
    bytes: Gauge,
    taken: Counter,
    turned_away: Counter,
    damaged: Counter,
}

impl ShelfMetrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_siblings");
        own.register_with_unit("held", "Bytes of siblings' blocks on the disk", Unit::Bytes, metrics.bytes.clone());
        own.register("taken_blocks", "Blocks that siblings have handed over", metrics.taken.clone());
        let help = "Blocks that siblings have offered and that were not taken";
        own.register("turned_away_blocks", help, metrics.turned_away.clone());
        own.register("damaged_blocks", "Blocks of siblings that cannot be read", metrics.damaged.clone());
        metrics
    }

    pub fn holds(&self, bytes: u64) {
        self.bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub fn came(&self, outcome: &Outcome) {
        let is_taken = matches!(outcome, Outcome::Delivered { .. });
        if is_taken { &self.taken } else { &self.turned_away }.inc();
    }

    pub fn damaged(&self) {
        self.damaged.inc();
    }
}
