//! What a stored row costs: comes in a choice of cases, goes out a table, `ingest.json` and a plot, every line of it
//! from rows that were found in a real ClickHouse. Must not report a case whose rows are not all there as if it were
//! a result: `rows_stored` stands beside `rows_sent`, and the exit code says that they differ.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

mod cases;
mod load;
mod report;
mod run;
mod stored;
mod system;
mod workload;

use cases::{Case, Encoding, Signal, Transport};
use report::{Machine, Report};
use system::System;

/// Measures what the collector and its peers cost a row, one after another on the same ClickHouse.
///
/// Without a choice it runs a stated part of the cross product; any of the first five flags narrows or widens that.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Args {
    /// Only these systems.
    #[arg(long, value_enum)]
    system: Vec<System>,
    /// Only these signals.
    #[arg(long, value_enum)]
    signal: Vec<Signal>,
    /// Only these transports.
    #[arg(long, value_enum)]
    transport: Vec<Transport>,
    /// Only these encodings.
    #[arg(long, value_enum)]
    encoding: Vec<Encoding>,
    /// Only these request sizes.
    #[arg(long)]
    records: Vec<usize>,
    /// Rows of each case, instead of the case's own number.
    #[arg(long)]
    rows: Option<usize>,
    /// Logs, traces and gauges over HTTP in requests of 1,000, and nothing else.
    #[arg(long)]
    quick: bool,
    /// Without the phase at a fixed rate, so without latencies.
    #[arg(long)]
    no_latency: bool,
    /// Requests on their way at once, instead of as many as fill two blocks, or as are answered together by a spool.
    #[arg(long)]
    connections: Option<usize>,
    /// A run with the same number sends the same records.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the results go.
    #[arg(long, default_value = "target/bench/ingest.json")]
    json: PathBuf,
    /// Where the plot goes; none is drawn without it.
    #[arg(long)]
    plot: Option<PathBuf>,
}

impl Args {
    fn systems(&self) -> &[System] {
        if self.system.is_empty() { System::ALL } else { &self.system }
    }

    /// The cases of the choice. A flag that is given replaces what the default would choose in its dimension.
    fn cases(&self) -> Vec<Case> {
        let is_open = self.signal.is_empty() && self.transport.is_empty() && self.encoding.is_empty();
        if is_open && self.records.is_empty() {
            return if self.quick { Case::quick() } else { Case::all() };
        }
        let signals = if self.signal.is_empty() { Signal::ALL } else { &self.signal };
        let transports = if self.transport.is_empty() { &[Transport::Http] } else { &self.transport[..] };
        let encodings = if self.encoding.is_empty() { &[Encoding::Identity] } else { &self.encoding[..] };
        let records = if self.records.is_empty() { &[1_000] } else { &self.records[..] };
        Case::product(signals, transports, encodings, records)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut report = Report::new(Machine::here());
    for case in args.cases() {
        let rows = args.rows.unwrap_or_else(|| case.rows());
        let workload = run::Workload::make(&case, rows, args.seed, !args.no_latency)?;
        for system in args.systems().iter().filter(|system| system.takes(&case)) {
            match run::measure(*system, &case, &workload, args.connections).await {
                Ok(result) => report.add(result),
                Err(error) => report.fail(*system, &case, &error),
            }
            // Every time: a run that is broken off has told what it knows.
            write(&args.json, &report.json()?)?;
        }
    }
    if let Some(plot) = &args.plot {
        write(plot, &report.svg())?;
    }
    print!("{}", report.table());
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let path = tests::repository().join(path);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(path, text)?)
}
