//! What is counted of connections. Comes in: their ends, and what became of their records. Goes out: metrics, by receiver.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Closed;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Receiver {
    receiver: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct End {
    receiver: &'static str,
    reason: &'static str,
}

/// Counters of all receivers with connections of their own.
#[derive(Debug, Default)]
pub struct Metrics {
    connections: Family<Receiver, Gauge>,
    waiting: Family<Receiver, Gauge>,
    closed: Family<End, Counter>,
    records: Family<Receiver, Counter>,
    bad: Family<Receiver, Counter>,
    repeated: Family<Receiver, Counter>,
    lost: Family<Receiver, Counter>,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_stream");
        own.register("connections", "Connections that are open", metrics.connections.clone());
        let help = "Connections that are not read because there is no room in the budget";
        own.register("waiting_connections", help, metrics.waiting.clone());
        own.register("closed_connections", "Connections that have ended, by reason", metrics.closed.clone());
        own.register("records", "Records read", metrics.records.clone());
        own.register("bad_records", "Records that cannot be read, and are dropped", metrics.bad.clone());
        let help = "Requests sent again, because their senders do not ask what becomes of them";
        own.register("repeated_requests", help, metrics.repeated.clone());
        let help = "Records not stored when this process ended, and whose senders do not know";
        own.register("lost_records", help, metrics.lost.clone());
        metrics
    }

    pub(super) fn opened(&self, receiver: &'static str) {
        self.connections.get_or_create(&Receiver { receiver }).inc();
    }

    pub(super) fn closed(&self, receiver: &'static str, closed: Closed) {
        self.connections.get_or_create(&Receiver { receiver }).dec();
        self.closed.get_or_create(&End { receiver, reason: closed.as_str() }).inc();
    }

    /// One begins to wait for room, or ends.
    pub(super) fn waits(&self, receiver: &'static str, waits: bool) {
        let waiting = self.waiting.get_or_create(&Receiver { receiver });
        if waits {
            waiting.inc()
        } else {
            waiting.dec()
        };
    }

    /// One that was ended before it began.
    pub(super) fn refused(&self, receiver: &'static str, closed: Closed) {
        self.closed.get_or_create(&End { receiver, reason: closed.as_str() }).inc();
    }

    pub(super) fn read(&self, receiver: &'static str, records: u64) {
        self.records.get_or_create(&Receiver { receiver }).inc_by(records);
    }

    pub(super) fn bad(&self, receiver: &'static str, records: u64) {
        self.bad.get_or_create(&Receiver { receiver }).inc_by(records);
    }

    pub(super) fn repeated(&self, receiver: &'static str) {
        self.repeated.get_or_create(&Receiver { receiver }).inc();
    }

    pub(super) fn lost(&self, receiver: &'static str, records: u64) {
        self.lost.get_or_create(&Receiver { receiver }).inc_by(records);
    }
}
