//! Counts what the operator does. Must not be read for decisions.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Instant,
};

use kube::runtime::reflector::Store;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use crate::watch::Guarded;

mod conditions;

use conditions::Conditions;

#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    reconciles: Counter,
    duration: Histogram,
    failures: Family<Failure, Counter>,
    writes: Family<Write, Counter>,
    resources: Family<Scope, Gauge>,
    leader: Gauge,
    followed: Gauge,
    conditions: Conditions,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Failure {
    reason: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Write {
    kind: &'static str,
    verb: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Scope {
    namespace: String,
}

/// Counts a reconcile and its time when it ends, however it ends.
#[derive(Debug)]
pub struct Timer<'a> {
    metrics: &'a Metrics,
    started: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.metrics.reconciles.inc();
        self.metrics.duration.observe(self.started.elapsed().as_secs_f64());
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("clickstack_operator");
        let reconciles = Counter::<u64, AtomicU64>::default();
        // 1 ms … 4 s: a reconcile without writes to one that meets a slow API server.
        let duration = Histogram::new(exponential_buckets(0.001, 2.0, 13));
        let (failures, writes, resources) = (Family::default(), Family::default(), Family::default());
        let (leader, followed) = (Gauge::default(), Gauge::default());
        registry.register("reconciles", "Reconciles ended", reconciles.clone());
        registry.register("reconcile_duration_seconds", "Time of a reconcile", duration.clone());
        registry.register("reconcile_failures", "Reconciles that failed, by the step that did", failures.clone());
        registry.register("writes", "Write calls to the API server", writes.clone());
        registry.register("resources", "ClickStackCollectors, by watched namespace (all: *)", resources.clone());
        registry.register("leader", "1 while this process holds the lease", leader.clone());
        registry.register("followed_gateways", "Gateway pods asked what they see of ClickHouse", followed.clone());
        let conditions = Conditions::default();
        registry.register_collector(Box::new(conditions.clone()));
        Self {
            registry: Arc::new(registry),
            conditions,
            reconciles,
            duration,
            failures,
            writes,
            resources,
            leader,
            followed,
        }
    }
}

impl Metrics {
    pub fn reconciling(&self) -> Timer<'_> {
        Timer { metrics: self, started: Instant::now() }
    }

    pub fn failed(&self, reason: &'static str) {
        self.failures.get_or_create(&Failure { reason }).inc();
    }

    pub fn wrote(&self, kind: &'static str, verb: &'static str) {
        self.writes.get_or_create(&Write { kind, verb }).inc();
    }

    pub fn resources(&self, namespace: Option<&str>, count: usize) {
        let scope = Scope { namespace: namespace.unwrap_or("*").to_owned() };
        self.resources.get_or_create(&scope).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub fn leads(&self, is_leader: bool) {
        self.leader.set(i64::from(is_leader));
    }

    /// The conditions of these resources are told from now on.
    pub fn conditions_of(&self, resources: Store<Guarded>) {
        self.conditions.of(resources);
    }

    pub fn follows(&self, pods: usize) {
        self.followed.set(i64::try_from(pods).unwrap_or(i64::MAX));
    }

    /// The OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
