//! Wire bytes to record views.
//!
//! Comes in: the body of a delivery. Goes out: groups and records, borrowed from it, one after another in the
//! order of the request. Must not keep, copy or judge a record.

pub mod otlp;
