//! The long fault runs: comes in a choice of systems, faults and a seed, goes out a table and `ledger.json`, every line of
//! it from rows that were counted in a real ClickHouse. Must not end well when our collector broke its promise.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tests::faults::soak::soak;
use tests::faults::{self, Dose, Fault, Pace, Run, System};

mod report;

use report::Report;

/// Sends numbered rows while something goes wrong, and counts afterwards in ClickHouse what became of them.
///
/// Without a choice it runs every fault on every system it makes sense for, about an hour.
#[derive(Debug, Parser)]
#[command(name = "faults")]
struct Args {
    /// Only these systems.
    #[arg(long, value_enum)]
    system: Vec<System>,
    /// Only these faults.
    #[arg(long, value_enum)]
    fault: Vec<Fault>,
    /// A run with the same number has the same instants, sizes and pauses.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often a process is ended or stopped, instead of the fault's own number.
    #[arg(long)]
    kills: Option<u32>,
    /// How long a fault lasts, instead of the fault's own time.
    #[arg(long)]
    seconds: Option<u64>,
    /// Instead of single runs: random faults on one system (the first one chosen) for so many minutes.
    #[arg(long)]
    soak: Option<u64>,
    /// How many senders there are; each has one request on its way.
    #[arg(long, default_value_t = 64)]
    senders: u32,
    /// Of all senders together.
    #[arg(long, default_value_t = 20_000)]
    rows_per_second: u32,
    /// Where the results go.
    #[arg(long, default_value = "target/faults/ledger.json")]
    json: PathBuf,
}

impl Args {
    fn runs(&self) -> Vec<Run> {
        let systems = if self.system.is_empty() { System::ALL } else { &self.system };
        let faults = if self.fault.is_empty() { Fault::ALL } else { &self.fault };
        let pace = Pace { senders: self.senders, rows_a_second: self.rows_per_second };
        let run = |(&system, &fault): (&System, &Fault)| {
            let mut dose = Dose::usual(fault, self.kills.unwrap_or_else(|| fault.times(system)));
            dose.length = self.seconds.map_or(dose.length, Duration::from_secs);
            Run { system, fault, seed: self.seed, dose, pace }
        };
        let all = systems.iter().flat_map(|system| faults.iter().map(move |fault| (system, fault)));
        all.filter(|(system, fault)| fault.makes_sense_for(**system)).map(run).collect()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut report = Report::default();
    println!("{}", report::HEAD);
    for run in args.runs() {
        // On Ctrl-C too the run is dropped, and what it mounted is unmounted.
        tokio::select! {
            () = once(&args, &run, &mut report) => {}
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::FAILURE),
        }
        // Every time: a run that is broken off has told what it knows.
        write(&args.json, &report.json()?)?;
        if args.soak.is_some() {
            break;
        }
    }
    println!("\n{}\n{}", args.json.display(), report.summary());
    Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn once(args: &Args, run: &Run, report: &mut Report) {
    let Some(minutes) = args.soak else {
        return report.add(run, faults::run(run).await);
    };
    let length = Duration::from_secs(minutes * 60);
    let ended = soak(run, length, |sample| println!("{sample}")).await;
    let entry = ended.map(|(entry, samples)| {
        report.keep(samples);
        entry
    });
    report.add(run, entry);
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(std::fs::write(file, text)?)
}
