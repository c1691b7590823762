//! The destination tables and the block: an encoded body for one of them.

use bytes::Bytes;

use crate::ack::Ack;

/// A table this collector inserts into.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Table {
    Logs,
}

impl Table {
    /// Its name in ClickHouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "otel_logs",
        }
    }
}

/// Rows of one table, sealed: these bytes and no others are sent, however often.
#[derive(Debug)]
pub struct Block {
    pub table: Table,
    pub rows: u64,
    /// ClickHouse's Native format in LZ4 frames, to be sent one after another.
    pub body: Vec<Bytes>,
    /// Bytes before compression.
    pub raw_bytes: usize,
    /// Names of the columns in the body, quoted, separated by commas.
    pub columns: &'static str,
    /// Everybody whose rows are in it.
    pub acks: Vec<Ack>,
}
