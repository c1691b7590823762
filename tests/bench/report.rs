//! What was measured, for people and for machines: comes in rows, goes out a table, JSON and a plot. Must not judge:
//! a limit that is missed is seen, not hidden.

use std::fmt::Write;

use serde::Serialize;

use crate::cases::{Case, Encoding, Signal, Transport};
use crate::stored::Content;
use crate::system::System;

mod machine;
mod plot;

pub use machine::Machine;

/// One system in one case.
#[derive(Clone, Debug)]
pub struct Row {
    pub system: System,
    pub case: Case,
    /// Whether its rows should be those of the others.
    pub transforms: bool,
    pub rows_sent: usize,
    pub rows_stored: usize,
    pub collector_us_per_row: f64,
    pub clickhouse_us_per_row: f64,
    pub peak_rss_mb: f64,
    pub ack_p50_ms: Option<f64>,
    pub ack_p99_ms: Option<f64>,
    pub rows_per_second: f64,
    pub rows_per_part: f64,
    pub retries: u64,
    pub content: Content,
}

#[derive(Debug)]
pub struct Report {
    machine: Machine,
    rows: Vec<Row>,
    failures: Vec<String>,
}

/// The form of the file.
#[derive(Debug, Serialize)]
struct Document<'a> {
    machine: &'a Machine,
    results: Vec<Line>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    failures: &'a [String],
}

#[derive(Debug, Serialize)]
struct Line {
    system: System,
    /// Whether an answer means "on this disk" instead of "in ClickHouse".
    spool: bool,
    signal: Signal,
    transport: Transport,
    encoding: Encoding,
    records_per_request: usize,
    rows_sent: usize,
    rows_stored: usize,
    collector_us_per_row: f64,
    clickhouse_us_per_row: f64,
    peak_rss_mb: f64,
    ack_p50_ms: Option<f64>,
    ack_p99_ms: Option<f64>,
    rows_per_second: f64,
    /// Rows an insert wrote, on average.
    rows_per_part: f64,
    /// Requests that were answered "later" and sent again.
    retries: u64,
    /// Whether the rows are those of the first system of the same case; absent where they cannot be.
    rows_equal: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differs_in: Vec<String>,
}

impl Report {
    pub fn new(machine: Machine) -> Report {
        Report { machine, rows: Vec::new(), failures: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        eprintln!("{}", Self::line(&row, self.equal(&row)));
        self.rows.push(row);
    }

    pub fn fail(&mut self, system: System, case: &Case, error: &anyhow::Error) {
        let failure = format!("{} {case}: {error:#}", system.name());
        eprintln!("{failure}");
        self.failures.push(failure);
    }

    /// Our collector stored what was sent, and the rows of the collector it replaces are the same where that one stored
    /// all of them. What a peer lost or could not do is a result, not a failed run.
    pub fn is_complete(&self) -> bool {
        let is_good = |row: &Row| {
            let is_whole = row.rows_sent == row.rows_stored;
            match row.system {
                System::ClickstackCollector | System::ClickstackCollectorSpool => is_whole,
                System::Otelcol => !is_whole || self.equal(row) != Some(false),
                System::Rotel => true,
            }
        };
        let is_ours = |failure: &String| failure.starts_with(System::ClickstackCollector.name());
        !self.failures.iter().any(is_ours) && self.rows.iter().all(is_good)
    }

    pub fn json(&self) -> anyhow::Result<String> {
        let results = self.rows.iter().map(|row| self.record(row)).collect();
        let document = Document { machine: &self.machine, results, failures: &self.failures };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }

    pub fn svg(&self) -> String {
        plot::draw(&self.machine, &self.rows)
    }

    pub fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "\n{}\n{HEAD}", self.machine);
        for row in &self.rows {
            let _ = writeln!(text, "{}", Self::line(row, self.equal(row)));
        }
        for row in &self.rows {
            let columns = self.differs_in(row).unwrap_or_default();
            if !columns.is_empty() {
                let _ = writeln!(text, "not equal: {} {} in {}", row.system.name(), row.case, columns.join(", "));
            }
        }
        for failure in &self.failures {
            let _ = writeln!(text, "failed: {failure}");
        }
        text
    }

    /// Whether a row's content is that of the first row of its case.
    fn equal(&self, row: &Row) -> Option<bool> {
        self.differs_in(row).map(|columns| columns.is_empty())
    }

    fn differs_in(&self, row: &Row) -> Option<Vec<String>> {
        let first = self.rows.iter().find(|other| other.case == row.case && other.transforms)?;
        row.transforms.then(|| row.content.differs_in(&first.content))
    }

    fn record(&self, row: &Row) -> Line {
        Line {
            system: row.system,
            spool: row.system.has_spool(),
            signal: row.case.signal,
            transport: row.case.transport,
            encoding: row.case.encoding,
            records_per_request: row.case.records,
            rows_sent: row.rows_sent,
            rows_stored: row.rows_stored,
            collector_us_per_row: rounded(row.collector_us_per_row),
            clickhouse_us_per_row: rounded(row.clickhouse_us_per_row),
            peak_rss_mb: rounded(row.peak_rss_mb),
            ack_p50_ms: row.ack_p50_ms.map(rounded),
            ack_p99_ms: row.ack_p99_ms.map(rounded),
            rows_per_second: row.rows_per_second.round(),
            rows_per_part: row.rows_per_part.round(),
            retries: row.retries,
            rows_equal: self.equal(row),
            differs_in: self.differs_in(row).unwrap_or_default(),
        }
    }

    fn line(row: &Row, is_equal: Option<bool>) -> String {
        let Case { signal, transport, encoding, records } = row.case;
        let millis = |wait: Option<f64>| wait.map_or_else(|| "-".into(), |wait| format!("{wait:.1}"));
        let stored = if row.rows_stored == row.rows_sent { "all".into() } else { row.rows_stored.to_string() };
        let equal = match is_equal {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        format!(
            "{:<27} {:<21} {:<5} {:<9} {records:>6} {:>9} {stored:>9} {equal:>6} {:>9.2} {:>9.2} {:>8.0} {:>8} {:>8} {:>9.0} {:>9.0} {:>7}",
            row.system.name(),
            signal.name(),
            transport.name(),
            encoding.name(),
            row.rows_sent,
            row.collector_us_per_row,
            row.clickhouse_us_per_row,
            row.peak_rss_mb,
            millis(row.ack_p50_ms),
            millis(row.ack_p99_ms),
            row.rows_per_second,
            row.rows_per_part,
            row.retries,
        )
    }
}

const HEAD: &str = "system                      signal                trans encoding  reqsiz      sent    stored  equal  us/row  CH us/row   RSS MB   p50 ms   p99 ms    rows/s rows/part retries";

fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
