//! Both binaries' rows in a real ClickHouse, compared with what was sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod agent_spool;
mod auth;
mod bad_input;
mod container_logs;
mod destination;
mod engine;
mod environment;
mod fluent;
mod forward;
mod hand_over;
mod host_metrics;
mod insert;
mod insert_tls;
mod metrics;
mod opamp;
mod outages;
mod pains;
mod peer;
mod positions;
mod receive;
mod regions;
mod rows;
mod schema;
mod senders;
mod sent_again;
mod spool;
mod syslog;
mod tls;
