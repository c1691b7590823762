//! What is counted of the OpAMP server. Comes in: exchanges and what became of configurations. Goes out: metrics.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Failure {
    reason: &'static str,
}

/// Counters of one client.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    last_exchange: Gauge,
    failures: Family<Failure, Counter>,
    applied: Gauge,
}

impl Metrics {
    /// Counters, registered.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let own = registry.sub_registry_with_prefix("clickstack_collector_opamp");
        let help = "When the OpAMP server has answered last, since the Unix epoch; 0: never";
        own.register_with_unit("last_exchange_timestamp", help, Unit::Seconds, metrics.last_exchange.clone());
        let help = "Exchanges that failed, configurations that cannot be honoured, and answers that cannot be kept";
        own.register("failures", help, metrics.failures.clone());
        let help = "Whether the newest configuration that is known decides who may send; kept from before counts";
        own.register("config_applied", help, metrics.applied.clone());
        metrics
    }

    pub(super) fn answered(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.last_exchange.set(i64::try_from(now).unwrap_or(i64::MAX));
    }

    pub(super) fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&Failure { reason }).inc();
    }

    pub(super) fn applied(&self, is_applied: bool) {
        self.applied.set(i64::from(is_applied));
    }
}
