//! The contracts of the product, and nothing else: no I/O, no async, no client.
//!
//! * [`config`]: the file the operator writes and the collector reads.
//! * [`v1alpha1`]: the `ClickStackCollector` resource people write and read back.
//! * [`destination`]: what a gateway tells the operator of its way to ClickHouse or to another gateway.
//!
//! An option is stated once, here; both binaries use the same type and the same checks.

pub mod config;
pub mod destination;
pub mod problem;
pub mod quantity;
#[cfg(feature = "kubernetes")]
pub mod v1alpha1;
