//! What is counted of events. Comes in: what was read and answered. Goes out: metrics.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Reason {
    reason: &'static str,
}

/// Counters of one receiver.
#[derive(Debug, Default)]
pub struct Metrics {
    seen: Counter,
    skipped: Family<Reason, Counter>,
    sent: Counter,
    refused: Counter,
    repeated: Counter,
    held: Gauge,
    lists: Counter,
    watches: Counter,
    failures: Counter,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_cluster_events");
        own.register("seen", "Events read that are to be sent", metrics.seen.clone());
        own.register("skipped", "Events read that are not: run out, or seen before", metrics.skipped.clone());
        own.register("sent", "Events the gateway has answered for", metrics.sent.clone());
        own.register("refused", "Events the gateway refused for good", metrics.refused.clone());
        own.register("repeated_requests", "Requests sent again", metrics.repeated.clone());
        let help = "Requests that are sent and not answered for";
        own.register_with_unit("held", help, Unit::Bytes, metrics.held.clone());
        own.register("lists", "Times all events were asked for", metrics.lists.clone());
        own.register("watches", "Watches begun or resumed", metrics.watches.clone());
        own.register("failures", "Requests to the API server that failed", metrics.failures.clone());
        metrics
    }

    pub(super) fn seen(&self) {
        self.seen.inc();
    }

    pub(super) fn skipped(&self, reason: &'static str) {
        self.skipped.get_or_create(&Reason { reason }).inc();
    }

    pub(super) fn sent(&self, events: u64) {
        self.sent.inc_by(events);
    }

    pub(super) fn refused(&self, events: u64) {
        self.refused.inc_by(events);
    }

    pub(super) fn repeated(&self) {
        self.repeated.inc();
    }

    /// More bytes, or fewer.
    pub(super) fn held(&self, bytes: i64) {
        self.held.inc_by(bytes);
    }

    pub(super) fn listed(&self) {
        self.lists.inc();
    }

    pub(super) fn watched(&self) {
        self.watches.inc();
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}
