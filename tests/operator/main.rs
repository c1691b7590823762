//! The operator's process against a real API server without nodes: what it writes, and what becomes of it when it is
//! not left in peace.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod check;
mod cluster_events;
mod cluster_metrics;
mod converges;
mod examples;
mod forwards;
mod hostile;
mod left_alone;
mod proxy;
mod rights;
mod taken;
mod versions;
