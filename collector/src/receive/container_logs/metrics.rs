//! What is counted of container logs. Comes in: what was read and answered, by chunk and by batch. Goes out: metrics
//! under the names of the OpenTelemetry Collector's file reader where it has them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::log::Read;
use crate::ack::Outcome;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Receiver {
    receiver: &'static str,
    transport: &'static str,
}

const FILES: Receiver = Receiver { receiver: "container_logs", transport: "file" };

/// Counters of one reader.
#[derive(Debug, Default)]
pub struct Metrics {
    open_files: Gauge,
    files: Gauge,
    behind: Gauge,
    records: Family<Receiver, Counter>,
    bytes: Counter,
    cut: Counter,
    unreadable: Counter,
    truncations: Counter,
    failures: Counter,
    lost: Counter,
    held_batches: Gauge,
    held: Gauge,
    repeated: Counter,
    refused: Family<Receiver, Counter>,
    checkpoints: Counter,
    failed_checkpoints: Counter,
    resumed: Counter,
    read_again: Counter,
    unread: Gauge,
}

impl Metrics {
    /// Counters, registered.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let help = "Log files that are open";
        registry.register("otelcol_fileconsumer_open_files", help, metrics.open_files.clone());
        let help = "Log records read";
        registry.register("clickstack_collector_container_log_records", help, metrics.records.clone());
        let help = "Log records the gateway refused for good";
        registry.register("clickstack_collector_container_log_refused_records", help, metrics.refused.clone());
        metrics.register(registry.sub_registry_with_prefix("clickstack_collector_container_log"));
        metrics
    }

    fn register(&self, own: &mut Registry) {
        own.register("files", "Log files that are there, or gone and not answered for", self.files.clone());
        let help = "Bytes of log files that are there and not answered for";
        own.register_with_unit("behind", help, Unit::Bytes, self.behind.clone());
        own.register_with_unit("read", "Bytes of log files read", Unit::Bytes, self.bytes.clone());
        own.register("cut_records", "Records longer than allowed, without what was beyond", self.cut.clone());
        own.register("unreadable_lines", "Lines in no known form, sent as they stand", self.unreadable.clone());
        let help = "Files read from their beginning because something was taken away from them";
        own.register("truncations", help, self.truncations.clone());
        own.register("failed_reads", "Files that could not be opened or read", self.failures.clone());
        let help = "Bytes of files that were deleted before they were read";
        own.register_with_unit("lost", help, Unit::Bytes, self.lost.clone());
        own.register("held_batches", "Batches sent and not answered for", self.held_batches.clone());
        own.register_with_unit("held", "Bytes of those batches", Unit::Bytes, self.held.clone());
        own.register("repeated_batches", "Batches sent again", self.repeated.clone());
        own.register("checkpoints", "Times positions were written to the disk", self.checkpoints.clone());
        own.register("failed_checkpoints", "Times they could not be written", self.failed_checkpoints.clone());
        let help = "Batches of an earlier process that were in its spool and not in its checkpoint";
        own.register("resumed_batches", help, self.resumed.clone());
        let help = "Batches of an earlier process that were in its spool and are read again, because one before is not";
        own.register("read_again_batches", help, self.read_again.clone());
        let help = "Folders of pods and containers that are there and could not be read at the last look";
        own.register("unread_folders", help, self.unread.clone());
    }

    pub(super) fn resumed(&self, taken: u64, repeated: u64) {
        self.resumed.inc_by(taken);
        self.read_again.inc_by(repeated);
    }

    pub(super) fn looked(&self, files: usize, open: usize, behind: u64) {
        self.files.set(files as i64);
        self.open_files.set(open as i64);
        self.behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }

    pub(super) fn unread(&self, folders: usize) {
        self.unread.set(folders as i64);
    }

    pub(super) fn read(&self, read: &Read) {
        self.bytes.inc_by(read.bytes);
        self.cut.inc_by(read.cut);
        self.unreadable.inc_by(read.unreadable);
        self.truncations.inc_by(read.truncations);
        self.failures.inc_by(read.failures);
        if read.records > 0 {
            self.records.get_or_create(&FILES).inc_by(read.records);
        }
    }

    pub(super) fn lost(&self, bytes: u64) {
        self.lost.inc_by(bytes);
    }

    pub(super) fn held(&self, batches: usize, bytes: usize) {
        self.held_batches.set(batches as i64);
        self.held.set(bytes as i64);
    }

    pub(super) fn repeated(&self) {
        self.repeated.inc();
    }

    pub(super) fn answered(&self, outcome: &Outcome, records: u64) {
        let refused = match outcome {
            Outcome::Delivered { rejected } => *rejected,
            Outcome::Reject(_) | Outcome::TooLarge => records,
            Outcome::Retry { .. } => 0,
        };
        if refused > 0 {
            self.refused.get_or_create(&FILES).inc_by(refused);
        }
    }

    pub(super) fn checkpoint(&self, is_written: bool) {
        if is_written { &self.checkpoints } else { &self.failed_checkpoints }.inc();
    }
}
