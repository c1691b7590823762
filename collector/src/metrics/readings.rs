//! Values that are read when somebody looks: the budget, and what the kernel knows of this process.
//!
//! Comes in: a scrape. Goes out: gauges and counters with the names Prometheus' own clients use. Must not fail a
//! scrape: a value that cannot be read is left out.

use std::{
    fmt::Error,
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::budget::Budget;

/// The budgets of bytes.
#[derive(Debug)]
pub struct BudgetGauge {
    /// Of all requests that are not answered.
    pub held: Budget,
    /// Of those of them that are read and not opened yet.
    pub ahead: Budget,
    /// Of blocks of kept deliveries.
    pub blocks: Budget,
}

impl Collector for BudgetGauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        for (name, help, bytes) in [
            ("clickstack_collector_budget_used", "Bytes of requests held now", self.held.used()),
            ("clickstack_collector_budget_limit", "Bytes of requests that may be held", self.held.limit()),
            ("clickstack_collector_ahead_used", "Bytes of bodies being read or not opened yet", self.ahead.used()),
            ("clickstack_collector_ahead_limit", "Bytes of bodies read ahead; more wait", self.ahead.limit()),
            ("clickstack_collector_kept_blocks_used", "Bytes of sealed blocks nobody waits for", self.blocks.used()),
            ("clickstack_collector_kept_blocks_limit", "Bytes such blocks may take", self.blocks.limit()),
        ] {
            encode_bytes(&mut encoder, name, help, bytes)?;
        }
        Ok(())
    }
}

/// The part of the budget for messages that are not taken yet, of connections that are no HTTP.
#[derive(Debug)]
pub struct UnfinishedGauge(pub Budget);

impl Collector for UnfinishedGauge {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "Bytes of messages that have not come whole or are not taken yet";
        encode_bytes(&mut encoder, "clickstack_collector_stream_unfinished_used", help, self.0.used())?;
        let help = "Bytes such messages may take; beyond, none is read";
        encode_bytes(&mut encoder, "clickstack_collector_stream_unfinished_limit", help, self.0.limit())
    }
}

fn encode_bytes(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, bytes: usize) -> Result<(), Error> {
    let gauge = ConstGauge::new(super::saturated(bytes));
    gauge.encode(encoder.encode_descriptor(name, help, Some(&Unit::Bytes), gauge.metric_type())?)
}

/// Clock ticks a second in `/proc/PID/stat`: 100 on every Linux, whatever the kernel's own tick.
const TICKS: f64 = 100.0;

/// This process, as the kernel sees it.
#[derive(Debug)]
pub struct ProcessReadings {
    start: f64,
}

impl ProcessReadings {
    /// Made first of all, so that now is when the process started.
    pub fn starting_now() -> Self {
        Self { start: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()) }
    }
}

impl Collector for ProcessReadings {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let start = ConstGauge::new(self.start);
        let help = "Start of the process since the Unix epoch";
        start.encode(encoder.encode_descriptor(
            "process_start_time",
            help,
            Some(&Unit::Seconds),
            start.metric_type(),
        )?)?;
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|stat| cpu_seconds(&stat)) {
            let cpu = ConstCounter::new(seconds);
            let help = "User and system CPU time spent";
            cpu.encode(encoder.encode_descriptor("process_cpu", help, Some(&Unit::Seconds), cpu.metric_type())?)?;
        }
        if let Some(bytes) = fs::read_to_string("/proc/self/status").ok().and_then(|status| resident_bytes(&status)) {
            let memory = ConstGauge::new(bytes);
            let help = "Resident memory size";
            let unit = Some(&Unit::Bytes);
            memory.encode(encoder.encode_descriptor("process_resident_memory", help, unit, memory.metric_type())?)?;
        }
        Ok(())
    }
}

/// Fields 14 and 15 of `/proc/PID/stat`, counted after the program's name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS)
}

fn resident_bytes(status: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<i64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_words_are_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 10 0 0 0 250 150 0 0 20 0 3 0 88 1000 200 18446744073709551615";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu_seconds(""), resident_bytes("VmRSS: much")), (None, None));
    }
}
