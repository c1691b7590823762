//! What is counted of watches and of the lease. Comes in: events of them. Goes out: metrics.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Counters of one watch.
#[derive(Debug, Default)]
pub struct Metrics {
    pods: Gauge,
    lists: Counter,
    watches: Counter,
    failures: Counter,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_kubernetes");
        own.register("pods", "Pods of the node that are known", metrics.pods.clone());
        own.register("lists", "Times all pods of the node were asked for", metrics.lists.clone());
        own.register("watches", "Watches begun or resumed", metrics.watches.clone());
        own.register("failures", "Requests to the API server that failed", metrics.failures.clone());
        metrics
    }

    pub(super) fn pods(&self, count: usize) {
        self.pods.set(count as i64);
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

/// Counters of the lease.
#[derive(Debug, Default)]
pub struct LeaseMetrics {
    held: Gauge,
    writes: Counter,
    failures: Counter,
}

impl LeaseMetrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_lease");
        own.register("held", "Whether this collector is the one that acts", metrics.held.clone());
        own.register("writes", "Times the lease was taken, renewed or given back", metrics.writes.clone());
        own.register("failures", "Times the lease could not be read or written", metrics.failures.clone());
        metrics
    }

    pub(super) fn held(&self, is_held: bool) {
        self.held.set(is_held.into());
    }

    pub(super) fn wrote(&self) {
        self.writes.inc();
    }

    pub(super) fn failed(&self) {
        self.failures.inc();
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Kind {
    kind: &'static str,
}

/// Counters of the kinds of objects that are followed.
#[derive(Debug, Default)]
pub struct FollowMetrics {
    objects: Family<Kind, Gauge>,
    lists: Family<Kind, Counter>,
    failures: Family<Kind, Counter>,
}

impl FollowMetrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_cluster");
        own.register("objects", "Objects that are known", metrics.objects.clone());
        own.register("lists", "Pages of lists that were asked for", metrics.lists.clone());
        own.register("failures", "Lists and watches that failed", metrics.failures.clone());
        metrics
    }

    pub(super) fn objects(&self, kind: &'static str, count: usize) {
        self.objects.get_or_create(&Kind { kind }).set(count as i64);
    }

    pub(super) fn listed(&self, kind: &'static str) {
        self.lists.get_or_create(&Kind { kind }).inc();
    }

    pub(super) fn failed(&self, kind: &'static str) {
        self.failures.get_or_create(&Kind { kind }).inc();
    }
}
