//! What the process counts, in Prometheus' form.
//!
//! Comes in: events of the stages. Goes out: the text of `/metrics`. Names that dashboards of OpenTelemetry
//! collectors know are kept; the rest starts with `clickstack_collector_`. Counting is per delivery and per block,
//! never per record.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    ack::Outcome,
    delivery::Transport,
    insert::InsertError,
    signal::Signal,
    table::{Block, Table},
};

mod labels;
mod progress;
mod readings;
mod shelf;
mod spool;

use labels::{Answered, BySignal, Code, Destination, Exporter, Processor, Receiver, Result, TurnedAway, Way};

pub use progress::{InHand, Progress};
pub use readings::{BudgetGauge, ProcessReadings, UnfinishedGauge};
pub use shelf::ShelfMetrics;
pub use spool::SpoolMetrics;

const REFUSED: &str = "Records refused for good or told to come again; 1 for a request nobody has opened";

const CLICKHOUSE: Exporter = Exporter { exporter: "clickhouse" };
const BATCH: Processor = Processor { processor: "batch" };

/// Upper bounds in seconds, from a sender's own network to the longest a receiver waits for an outcome.
const SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds in rows: those of the OpenTelemetry Collector's batch processor, so that its panels fit.
const ROWS: [f64; 10] = [10.0, 100.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6];

/// Why a block is closed, in the words of the OpenTelemetry Collector's batch processor.
#[derive(Clone, Copy, Debug)]
pub enum Trigger {
    /// It is full.
    Size,
    /// Its time has come, for its age or because nothing more comes to it.
    Time,
}

/// The counters of the line, shared by its stages.
#[derive(Debug)]
pub struct Pipeline {
    accepted: BySignal<Receiver>,
    refused: BySignal<Receiver>,
    sent: BySignal<Exporter>,
    failed: BySignal<Exporter>,
    malformed: Family<Receiver, Counter>,
    answers: Family<Answered, Counter>,
    answer_time: Family<Way, Histogram>,
    turned_away: Family<TurnedAway, Counter>,
    received_bytes: Family<Way, Counter>,
    forwarded: Family<Result, Counter>,
    may_be_stored_twice: Counter,
    open: OpenGauges,
    block_age: Histogram,
    block_rows: Family<Processor, Histogram>,
    full: Family<Processor, Counter>,
    timed: Family<Processor, Counter>,
    stored: Stored,
    errors: Family<Code, Counter>,
    repeated: Family<Destination, Counter>,
    turned_back: Family<Destination, Counter>,
    handed_over: Family<Destination, Counter>,
    view_failures: Family<Destination, Counter>,
    switched: Counter,
    insert_time: Histogram,
    queue: Family<Exporter, Gauge>,
    queue_capacity: Family<Exporter, Gauge>,
    pub progress: Arc<Progress>,
}

/// What open blocks hold, by table.
#[derive(Debug, Default)]
struct OpenGauges {
    rows: Family<Destination, Gauge>,
    bytes: Family<Destination, Gauge>,
}

/// What is in ClickHouse, by table.
#[derive(Debug, Default)]
struct Stored {
    blocks: Family<Destination, Counter>,
    rows: Family<Destination, Counter>,
    raw_bytes: Family<Destination, Counter>,
    sent_bytes: Family<Destination, Counter>,
}

impl Pipeline {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let seconds = || Histogram::new(SECONDS);
        let pipeline = Self {
            accepted: BySignal::new(),
            refused: BySignal::new(),
            sent: BySignal::new(),
            failed: BySignal::new(),
            malformed: Family::default(),
            answers: Family::default(),
            answer_time: Family::new_with_constructor(seconds),
            turned_away: Family::default(),
            received_bytes: Family::default(),
            forwarded: Family::default(),
            may_be_stored_twice: Counter::default(),
            open: OpenGauges::default(),
            block_age: seconds(),
            block_rows: Family::new_with_constructor(|| Histogram::new(ROWS)),
            full: Family::default(),
            timed: Family::default(),
            stored: Stored::default(),
            errors: Family::default(),
            repeated: Family::default(),
            turned_back: Family::default(),
            handed_over: Family::default(),
            view_failures: Family::default(),
            switched: Counter::default(),
            insert_time: seconds(),
            queue: Family::default(),
            queue_capacity: Family::default(),
            progress: Arc::new(Progress::new(Instant::now())),
        };
        pipeline.register(registry);
        pipeline.register_own(registry.sub_registry_with_prefix("clickstack_collector"));
        pipeline
    }

    fn register(&self, registry: &mut Registry) {
        self.accepted.register(registry, "otelcol_receiver_accepted", "Records decoded and taken");
        self.refused.register(registry, "otelcol_receiver_refused", REFUSED);
        self.sent.register(registry, "otelcol_exporter_sent", "Records stored");
        self.failed.register(
            registry,
            "otelcol_exporter_send_failed",
            "Records whose senders were told to send again or were refused",
        );
        registry.register("otelcol_exporter_queue_size", "Blocks with the inserter now", self.queue.clone());
        registry.register(
            "otelcol_exporter_queue_capacity",
            "Blocks the inserter holds at once",
            self.queue_capacity.clone(),
        );
        registry.register("otelcol_processor_batch_batch_send_size", "Rows of a block", self.block_rows.clone());
        let help = "Blocks closed because they were full";
        registry.register("otelcol_processor_batch_batch_size_trigger_send", help, self.full.clone());
        let help = "Blocks closed because their time had come";
        registry.register("otelcol_processor_batch_timeout_trigger_send", help, self.timed.clone());
    }

    fn register_own(&self, own: &mut Registry) {
        own.register("malformed_requests", "Requests refused for what they hold", self.malformed.clone());
        own.register("answers", "Requests answered, by outcome", self.answers.clone());
        let time = "From a request's last byte to its answer";
        own.register_with_unit("answer", time, Unit::Seconds, self.answer_time.clone());
        let help = "Requests answered before there was a delivery, by reason";
        own.register("turned_away_requests", help, self.turned_away.clone());
        let help = "Bytes of request bodies as they came";
        own.register_with_unit("received", help, Unit::Bytes, self.received_bytes.clone());
        own.register("forwarded_deliveries", "Deliveries sent to a gateway, by outcome", self.forwarded.clone());
        let help = "Deliveries sent to another gateway because one that may have them has not come back";
        own.register("forwarded_deliveries_may_be_stored_twice", help, self.may_be_stored_twice.clone());
        own.register("open_block_rows", "Rows in open blocks", self.open.rows.clone());
        own.register_with_unit("open_block", "Memory of open blocks", Unit::Bytes, self.open.bytes.clone());
        let help = "From a block's first row to its sealing";
        own.register_with_unit("block_age", help, Unit::Seconds, self.block_age.clone());
        own.register(
            "inserted_blocks",
            "Blocks stored in ClickHouse, each a part of its table",
            self.stored.blocks.clone(),
        );
        own.register("inserted_rows", "Rows stored in ClickHouse", self.stored.rows.clone());
        let help = "Bytes of stored blocks before compression";
        own.register_with_unit("inserted_raw", help, Unit::Bytes, self.stored.raw_bytes.clone());
        let help = "Bytes of stored blocks as sent";
        own.register_with_unit("inserted_compressed", help, Unit::Bytes, self.stored.sent_bytes.clone());
        let help = "Failed inserts by ClickHouse's exception code; 0 is no answer";
        own.register("clickhouse_errors", help, self.errors.clone());
        own.register("repeated_inserts", "Inserts tried again", self.repeated.clone());
        let help = "Blocks not tried because their table is in trouble and at its limit";
        own.register("turned_back_blocks", help, self.turned_back.clone());
        let help = "Blocks that a sibling keeps and stores";
        own.register("handed_over_blocks", help, self.handed_over.clone());
        let help = "Blocks stored whose rows a materialized view could not read";
        own.register("view_failures", help, self.view_failures.clone());
        own.register("endpoint_switches", "Changes from one ClickHouse endpoint to another", self.switched.clone());
        own.register_with_unit("insert", "Time of a successful insert", Unit::Seconds, self.insert_time.clone());
    }

    /// Records of a delivery are in open blocks.
    pub fn accepted(&self, signal: Signal, transport: Transport, records: u64) {
        self.accepted.of(signal).get_or_create(&receiver(transport)).inc_by(records);
    }

    /// Single records of an accepted delivery are refused for good, and its sender is told how many.
    pub fn rejected(&self, signal: Signal, transport: Transport, records: u64) {
        self.refused.of(signal).get_or_create(&receiver(transport)).inc_by(records);
    }

    /// A request is refused whole, or told to come again. Nobody knows the records of one that was not opened: it counts
    /// as one, so that what is turned away under load can be seen.
    pub fn refused(&self, signal: Signal, transport: Transport, records: u64) {
        self.rejected(signal, transport, records.max(1));
    }

    /// A whole delivery is refused for what it holds; how many records it had is not known.
    pub fn malformed(&self, transport: Transport) {
        self.malformed.get_or_create(&receiver(transport)).inc();
    }

    /// A body was read, so large on the wire.
    pub fn received(&self, transport: Transport, bytes: usize) {
        self.received_bytes.get_or_create(&Way { transport: transport.as_str() }).inc_by(bytes as u64);
    }

    /// A delivery is answered, so long after its last byte.
    pub fn answered(&self, signal: Signal, transport: Transport, outcome: &Outcome, took: Duration) {
        let labels =
            Answered { signal: signal.records(), transport: transport.as_str(), outcome: outcome_name(outcome) };
        self.answers.get_or_create(&labels).inc();
        self.answer_time.get_or_create(&Way { transport: transport.as_str() }).observe(took.as_secs_f64());
    }

    /// A request is answered before there is a delivery. `reason` is one word of a fixed set (`unauthenticated`,
    /// `budget`, `too_large`, …): it becomes a label.
    pub fn turned_away(&self, transport: Transport, reason: &'static str) {
        self.turned_away.get_or_create(&TurnedAway { transport: transport.as_str(), reason }).inc();
    }

    /// What the open blocks of a table hold now.
    pub fn open(&self, table: Table, rows: usize, bytes: usize) {
        let table = Destination { table: table.name() };
        self.open.rows.get_or_create(&table).set(saturated(rows));
        self.open.bytes.get_or_create(&table).set(saturated(bytes));
    }

    /// A block is sealed, so long after its first row.
    pub fn sealed(&self, age: Duration) {
        self.block_age.observe(age.as_secs_f64());
    }

    /// So many blocks are closed for one reason.
    pub fn triggered(&self, trigger: Trigger, blocks: usize) {
        let family = match trigger {
            Trigger::Size => &self.full,
            Trigger::Time => &self.timed,
        };
        family.get_or_create(&BATCH).inc_by(blocks as u64);
    }

    /// The inserter can hold so many blocks.
    pub fn queue_capacity(&self, blocks: usize) {
        self.queue_capacity.get_or_create(&CLICKHOUSE).set(saturated(blocks));
    }

    /// The inserter has a block, which it has to be done with within `limit`.
    pub fn in_hand(&self, block: &Block, limit: Duration) -> InHand {
        self.block_rows.get_or_create(&BATCH).observe(block.rows as f64);
        let gauge = self.queue.get_or_create(&CLICKHOUSE).clone();
        Progress::take(&self.progress, Instant::now() + limit, gauge)
    }

    pub fn inserted(&self, block: &Block, took: Duration) {
        let table = Destination { table: block.table.name() };
        self.insert_time.observe(took.as_secs_f64());
        self.stored.blocks.get_or_create(&table).inc();
        self.stored.rows.get_or_create(&table).inc_by(block.rows);
        self.stored.raw_bytes.get_or_create(&table).inc_by(block.raw_bytes as u64);
        self.stored.sent_bytes.get_or_create(&table).inc_by(block.body.iter().map(|part| part.len() as u64).sum());
    }

    pub fn insert_failed(&self, error: &InsertError) {
        self.errors.get_or_create(&Code { code: error.code().unwrap_or(0) }).inc();
    }

    /// A block is tried again.
    pub fn repeated(&self, table: Table) {
        self.repeated.get_or_create(&Destination { table: table.name() }).inc();
    }

    /// A block is answered "retry" without a try, for the sake of the other tables.
    pub fn turned_back(&self, table: Table) {
        self.turned_back.get_or_create(&Destination { table: table.name() }).inc();
    }

    /// A block is stored, and a view on its table lacks it.
    pub fn view_failed(&self, table: Table) {
        self.view_failures.get_or_create(&Destination { table: table.name() }).inc();
    }

    /// Another endpoint is used from now on.
    pub fn switched(&self) {
        self.switched.inc();
    }

    /// A block is answered for.
    pub fn finished(&self, block: &Block, outcome: &Outcome) {
        let family = if matches!(outcome, Outcome::Delivered { .. }) { &self.sent } else { &self.failed };
        family.of(block.table.signal()).get_or_create(&CLICKHOUSE).inc_by(block.rows);
    }

    /// A block is answered for in parts.
    pub fn divided(&self, table: Table, stored: u64, not_stored: u64) {
        for (family, rows) in [(&self.sent, stored), (&self.failed, not_stored)] {
            family.of(table.signal()).get_or_create(&CLICKHOUSE).inc_by(rows);
        }
    }

    /// A sibling has the block, and counts it when it is stored.
    pub fn handed_over(&self, block: &Block) {
        self.handed_over.get_or_create(&Destination { table: block.table.name() }).inc();
    }

    /// A delivery goes to another gateway than the one that may have it.
    pub fn may_be_stored_twice(&self) {
        self.may_be_stored_twice.inc();
    }

    pub fn forwarded(&self, outcome: &Outcome) {
        self.forwarded.get_or_create(&Result { outcome: outcome_name(outcome) }).inc();
    }

    /// The line's thread lives.
    pub fn beat(&self) {
        self.progress.beat();
    }
}

const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered { .. } => "delivered",
        Outcome::Retry { .. } => "retry",
        Outcome::Reject(_) => "reject",
        Outcome::TooLarge => "too_large",
    }
}

fn receiver(transport: Transport) -> Receiver {
    let receiver = match transport {
        Transport::Fluent => "fluentforward",
        Transport::Syslog => "syslog",
        _ => "otlp",
    };
    Receiver { receiver, transport: transport.as_str() }
}

fn saturated(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The text of `/metrics`.
pub fn text(registry: &Registry) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = text::encode(&mut out, registry);
    out
}

#[cfg(test)]
mod tests;
