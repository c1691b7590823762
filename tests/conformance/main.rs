//! Rows in a real ClickHouse compared with what was sent.
#![expect(clippy::panic, reason = "a test says what is wrong by failing")]

mod engine;
