//! Both binaries' rows in a real ClickHouse, compared with what was sent.

mod bad_input;
mod engine;
mod outages;
mod rows;
mod schema;
