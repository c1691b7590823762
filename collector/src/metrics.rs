//! What the process counts, in Prometheus' form.
//!
//! Comes in: events of the stages. Goes out: the text of `/metrics`. Names that dashboards of OpenTelemetry
//! collectors know are kept; the rest starts with `clickstack_collector_`. Counting is per delivery and per block,
//! never per record.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{ack::Outcome, budget::Budget, delivery::Transport, insert::InsertError, table::Block};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Receiver {
    receiver: &'static str,
    transport: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Exporter {
    exporter: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Result {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Code {
    code: u32,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Destination {
    table: &'static str,
}

/// The counters of the line, shared by its stages.
#[derive(Debug)]
pub struct Pipeline {
    accepted: Family<Receiver, Counter>,
    malformed: Family<Receiver, Counter>,
    sent: Family<Exporter, Counter>,
    failed: Family<Exporter, Counter>,
    forwarded: Family<Result, Counter>,
    blocks: Family<Destination, Counter>,
    raw_bytes: Family<Destination, Counter>,
    sent_bytes: Family<Destination, Counter>,
    errors: Family<Code, Counter>,
    insert_time: Histogram,
    started: Instant,
    /// Milliseconds from `started` to the last sign of life.
    beat: AtomicU64,
}

const CLICKHOUSE: Exporter = Exporter { exporter: "clickhouse" };

impl Pipeline {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let pipeline = Self {
            accepted: Family::default(),
            malformed: Family::default(),
            sent: Family::default(),
            failed: Family::default(),
            forwarded: Family::default(),
            blocks: Family::default(),
            raw_bytes: Family::default(),
            sent_bytes: Family::default(),
            errors: Family::default(),
            insert_time: Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
            started: Instant::now(),
            beat: AtomicU64::new(0),
        };
        pipeline.register(registry);
        pipeline
    }

    fn register(&self, registry: &mut Registry) {
        registry.register(
            "otelcol_receiver_accepted_log_records",
            "Log records decoded and taken",
            self.accepted.clone(),
        );
        registry.register("otelcol_exporter_sent_log_records", "Log records stored", self.sent.clone());
        registry.register(
            "otelcol_exporter_send_failed_log_records",
            "Log records whose senders were told to send again or were refused",
            self.failed.clone(),
        );
        let own = registry.sub_registry_with_prefix("clickstack_collector");
        own.register("malformed_requests", "Requests refused for what they hold", self.malformed.clone());
        own.register("forwarded_deliveries", "Deliveries sent to a gateway, by outcome", self.forwarded.clone());
        own.register("inserted_blocks", "Blocks stored in ClickHouse", self.blocks.clone());
        own.register_with_unit(
            "inserted_raw",
            "Bytes of stored blocks before compression",
            Unit::Bytes,
            self.raw_bytes.clone(),
        );
        own.register_with_unit(
            "inserted_compressed",
            "Bytes of stored blocks as sent",
            Unit::Bytes,
            self.sent_bytes.clone(),
        );
        own.register(
            "clickhouse_errors",
            "Failed inserts by ClickHouse's exception code; 0 is no answer",
            self.errors.clone(),
        );
        own.register_with_unit("insert", "Time of a successful insert", Unit::Seconds, self.insert_time.clone());
    }

    pub fn accepted(&self, transport: Transport, records: u64) {
        self.accepted.get_or_create(&otlp(transport)).inc_by(records);
    }

    pub fn malformed(&self, transport: Transport) {
        self.malformed.get_or_create(&otlp(transport)).inc();
    }

    pub fn inserted(&self, block: &Block, took: Duration) {
        let table = Destination { table: block.table.name() };
        self.insert_time.observe(took.as_secs_f64());
        self.blocks.get_or_create(&table).inc();
        self.raw_bytes.get_or_create(&table).inc_by(block.raw_bytes as u64);
        self.sent_bytes.get_or_create(&table).inc_by(block.body.iter().map(|part| part.len() as u64).sum());
    }

    pub fn insert_failed(&self, error: &InsertError) {
        self.errors.get_or_create(&Code { code: error.code().unwrap_or(0) }).inc();
    }

    /// A block is answered for.
    pub fn finished(&self, block: &Block, outcome: &Outcome) {
        let family = if matches!(outcome, Outcome::Delivered { .. }) { &self.sent } else { &self.failed };
        family.get_or_create(&CLICKHOUSE).inc_by(block.rows);
    }

    pub fn forwarded(&self, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Delivered { .. } => "delivered",
            Outcome::Retry { .. } => "retry",
            Outcome::Reject(_) => "reject",
            Outcome::TooLarge => "too_large",
        };
        self.forwarded.get_or_create(&Result { outcome }).inc();
    }

    /// The line's thread lives.
    pub fn beat(&self) {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(since, Ordering::Relaxed);
    }

    /// Time since the line's thread last showed that it lives.
    pub fn silence(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.beat.load(Ordering::Relaxed)))
    }
}

fn otlp(transport: Transport) -> Receiver {
    Receiver { receiver: "otlp", transport: transport.as_str() }
}

/// The budget, read when somebody looks.
#[derive(Debug)]
pub struct BudgetGauge(pub Budget);

impl Collector for BudgetGauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::result::Result<(), std::fmt::Error> {
        for (name, help, bytes) in [
            ("clickstack_collector_budget_used", "Bytes of requests held now", self.0.used()),
            ("clickstack_collector_budget_limit", "Bytes of requests that may be held", self.0.limit()),
        ] {
            let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

/// The text of `/metrics`.
pub fn text(registry: &Registry) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = text::encode(&mut out, registry);
    out
}
