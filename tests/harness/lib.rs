//! What every tier of tests stands on: real engines, real senders, bounded waits and the ledger.
//!
//! Comes in: what a test wants to run or to send. Goes out: a running engine, an answer, a verdict
//! with the logs that explain it. Must not know what any one test is about, sleep for luck, or skip.

pub mod apiserver;
pub mod clickhouse;
pub mod cluster;
pub mod collector;
pub mod cost;
pub mod dice;
pub mod engines;
pub mod faults;
pub mod http;
pub mod ledger;
pub mod operator;
pub mod otlp;
pub mod peers;
pub mod ports;
pub mod processes;
pub mod proxy;
pub mod senders;
pub mod wait;

use std::path::PathBuf;

/// A point in time as Kubernetes writes it.
pub use k8s_openapi::jiff::Timestamp;

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}
