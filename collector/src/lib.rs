//! OTLP in, ClickHouse out. In the order of the flow:
//!
//! ```text
//! receive ─Delivery→ assemble (decode → transform → columns) ─Block→ insert → ClickHouse     gateway
//!    ↑       64                                                1        │ 16 in hand
//!    └──────────────────────── Outcome ◄── ack ◄────────────────────────┘
//! receive ─Delivery→ forward → gateway            agent: sockets and log files; cluster: API server; gateway, to another
//!
//! receive ─Delivery→ spool ─Delivery→ assemble or relay ─ …                      with a spool
//! ```

// nouns every stage shares
pub mod ack;
pub mod budget;
pub mod delivery;
pub mod errand;
pub mod handover;
pub mod id;
pub mod making;
pub mod measurements;
pub mod pattern;
pub mod positions;
pub mod quantity;
pub mod record;
pub mod rfc3339;
pub mod signal;
pub mod table;
pub mod trouble;

// the line
pub mod assemble;
pub mod columns;
pub mod decode;
pub mod forward;
pub mod insert;
pub mod receive;
pub mod relay;
pub mod spool;
pub mod transform;

// beside the line
pub mod admin;
pub mod client_tls;
pub mod cluster;
pub mod durable;
pub mod letters;
pub mod metrics;
pub mod schema;
pub mod telemetry;

// composition
pub mod args;
pub mod role;
pub mod run;
pub mod settings;
