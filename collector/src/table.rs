//! The destination tables, what is known of their columns, and the block: an encoded body for one of them.

use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;

use crate::{
    ack::Ack,
    budget::Permit,
    making::{Receipt, Seq},
    signal::Signal,
};

/// A table this collector inserts into.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Table {
    Logs,
    Sessions,
    Traces,
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

impl Table {
    pub const ALL: [Self; 8] = [
        Self::Logs,
        Self::Sessions,
        Self::Traces,
        Self::Gauge,
        Self::Sum,
        Self::Histogram,
        Self::ExponentialHistogram,
        Self::Summary,
    ];

    /// Its name in ClickHouse.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "otel_logs",
            Self::Sessions => "hyperdx_sessions",
            Self::Traces => "otel_traces",
            Self::Gauge => "otel_metrics_gauge",
            Self::Sum => "otel_metrics_sum",
            Self::Histogram => "otel_metrics_histogram",
            Self::ExponentialHistogram => "otel_metrics_exponential_histogram",
            Self::Summary => "otel_metrics_summary",
        }
    }

    /// The signal whose records are its rows.
    pub const fn signal(self) -> Signal {
        match self {
            Self::Logs | Self::Sessions => Signal::Logs,
            Self::Traces => Signal::Traces,
            Self::Gauge | Self::Sum | Self::Histogram | Self::ExponentialHistogram | Self::Summary => Signal::Metrics,
        }
    }
}

/// The columns of a table that an insert may name, as the server has them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Layout {
    /// Type of each column, by its name.
    columns: BTreeMap<String, String>,
}

/// What is known of every table; cheap to clone and to compare.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Layouts {
    by_table: BTreeMap<Table, Arc<Layout>>,
}

impl Layout {
    /// From pairs of name and type.
    pub fn new(columns: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { columns: columns.into_iter().collect() }
    }

    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Whether a block made for `other` can still be inserted: every column of it is there as it was.
    pub fn includes(&self, other: &Self) -> bool {
        other.columns.iter().all(|(name, kind)| self.columns.get(name) == Some(kind))
    }

    /// The type as ClickHouse prints it: `DateTime64(9)`.
    pub fn type_of(&self, column: &str) -> Option<&str> {
        self.columns.get(column).map(String::as_str)
    }
}

impl Layouts {
    pub fn of(&self, table: Table) -> Option<&Arc<Layout>> {
        self.by_table.get(&table)
    }

    pub fn set(&mut self, table: Table, layout: Layout) {
        self.by_table.insert(table, Arc::new(layout));
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
    pub columns: Arc<str>,
    /// The columns the table had when the block was made. Absent: it had not been asked yet, and the block has all
    /// columns of the contract.
    pub layout: Option<Arc<Layout>>,
    /// Everybody whose rows are in it and who waits for them to be stored.
    pub acks: Vec<Ack>,
    /// Up to which row those of each of them go.
    pub ends: Vec<u64>,
    /// Days since 1970 of its rows' timestamps.
    pub day: u64,
    /// When its first row came; of a kept one, when it was made.
    pub since: Instant,
    /// The kept deliveries it is made of. None: it is made of others, and `acks` answer for them; or a sibling has made
    /// it, and there is a receipt.
    pub deliveries: Option<RangeInclusive<Seq>>,
    /// The duty to tell the spool what becomes of it, from when its making is written down.
    pub receipt: Option<Receipt>,
    /// Its share of the memory for blocks that nobody waits for.
    pub room: Option<Permit>,
}

/// Makes a block of some of another one's rows, as the stage that knows how a body is written can.
pub type Cut = fn(&Block, &Range<u64>) -> Option<Block>;

impl Block {
    /// Whether a sibling has made it: nobody here can divide it, or make it again.
    pub const fn is_of_a_sibling(&self) -> bool {
        self.receipt.is_some() && self.deliveries.is_none()
    }
}
