//! The whole product on a real cluster: resource, operator, pods, senders, ClickHouse. Each test owns a namespace;
//! they run one after another, for the nodes' ports and the two cores are shared.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod chart;
mod closed;
mod cluster_events;
mod container_logs;
mod delivery;
mod kubelet_metrics;
mod lifecycle;
mod rollouts;
mod spool;
mod truth;

use std::sync::OnceLock;

use tests::cluster::Cluster;

/// The cluster with the operator, prepared once for all tests.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::prepared().unwrap())
}
