//! Rows in a real ClickHouse compared with what was sent.

mod engine;
