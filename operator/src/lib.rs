//! The operator: reads a `ClickStackCollector`, decides what should exist, writes it, reports what is true.
//!
//! ```text
//! watch ──► reconcile: resolve ──► validate ──► desired ──► apply ──► status
//!           (the story) reads      pure         pure        writes    pure
//! ```
//!
//! Modules in the order of that line, then what stands beside it. Only `run`, `watch`, `resolve` and `apply`
//! name a Kubernetes client; nothing reads the raw spec after `validate`; `spec` is never written.

pub mod args;
pub mod check;
pub mod run;
pub mod watch;

pub mod apply;
pub mod desired;
pub mod grants;
pub mod plan;
pub mod reconcile;
pub mod references;
pub mod resolve;
pub mod sight;
pub mod status;
pub mod validate;

pub mod labels;
pub mod names;

pub mod admin;
pub mod error;
pub mod history;
pub mod metrics;
pub mod telemetry;
