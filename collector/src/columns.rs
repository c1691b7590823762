//! Record views to ClickHouse columns, one append-only builder for each column.
//!
//! Comes in: decoded records. Goes out: the body of a sealed block. [`native`] knows ClickHouse's Native
//! format and nothing of OTLP; [`logs`] knows both and no other stage. Must not look at a clock.

pub mod frames;
pub mod logs;
pub mod native;
