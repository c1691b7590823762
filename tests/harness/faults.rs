//! Runs with faults: comes in a system, a fault and a seed, goes out what became of every row that was sent meanwhile,
//! as ClickHouse itself has it. Must not judge by what the collector says of itself.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

pub mod accounts;
mod fault;
mod inject;
mod senders;
pub mod soak;
mod stored;
mod system;
mod volume;
mod watch;

pub use accounts::Account;
pub use fault::Fault;
pub use inject::Dose;
pub use senders::Pace;
pub use system::System;

use crate::dice::Dice;
use senders::Senders;
use stored::Arrivals;
use system::Stage;

/// Rows flow before the fault, and after it.
const CALM: Duration = Duration::from_secs(2);
/// What is on its way when the sending ends has so long to be told: a sender waits up to 75 s for one answer.
const TOLD_WITHIN: Duration = Duration::from_secs(150);

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub system: System,
    pub fault: Fault,
    /// All instants, sizes and pauses come from it.
    pub seed: u64,
    pub dose: Dose,
    pub pace: Pace,
}

impl fmt::Display for Run {
    /// The arguments that do it again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { seed, dose, pace, .. } = self;
        write!(
            f,
            "--system {} --fault {} --seed {seed} --kills {}",
            self.system.name(),
            self.fault.name(),
            dose.times
        )?;
        write!(f, " --seconds {} --senders {}", dose.length.as_secs(), pace.senders)?;
        write!(f, " --rows-per-second {}", pace.rows_a_second)
    }
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub system: System,
    pub fault: Fault,
    pub kills: u32,
    #[serde(flatten)]
    pub account: Account,
    pub retries: u64,
    pub peak_rss_mb: f64,
    /// From the end of the fault until the last row made before it was readable.
    pub recovery_s: f64,
    pub seconds: f64,
    pub seed: u64,
    /// What breaks the system's promise. A peer promises nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<String>,
}

/// Runs it. An error is a run that came to no account.
pub async fn run(run: &Run) -> anyhow::Result<Entry> {
    let mut stage = Stage::set(run.system, run.fault).await?;
    let ended = in_stage(run, &mut stage).await;
    ended.map_err(|error| stage.explained(error))
}

async fn in_stage(run: &Run, stage: &mut Stage) -> anyhow::Result<Entry> {
    let start = Instant::now();
    let mut dice = Dice::new(run.seed, run.fault as u64);
    let (http, grpc) = stage.endpoints();
    let senders = Senders::start(run.pace, run.seed, &http, &grpc)?;
    tokio::time::sleep(CALM).await;
    let kills = inject::inject(stage, run.fault, run.dose, &mut dice).await?;
    finish(run, stage, senders, kills, start).await
}

/// The fault is over: what was sent is told, arrives, and is counted.
async fn finish(run: &Run, stage: &mut Stage, senders: Senders, kills: u32, start: Instant) -> anyhow::Result<Entry> {
    let asker = stage.engine.asker()?;
    let before = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
    let arrivals = Arrivals::watch(asker.clone(), before);
    tokio::time::sleep(CALM).await;
    let counts = Arc::clone(senders.counts());
    let requests = senders.finish(TOLD_WITHIN).await;
    stage.process().check_running()?;
    stage.engine.check_running()?;
    let (quiet, patience) = (run.system.quiet(), run.system.patience());
    stored::wait_for(&asker, counts.acked.load(Ordering::Relaxed), quiet, patience).await?;
    let account = accounts::settle(&requests, &stored::read(&asker).await?);
    let is_exactly_once = run.system.keeps_on_disk();
    Ok(Entry {
        system: run.system,
        fault: run.fault,
        kills,
        account,
        retries: counts.retries.load(Ordering::Relaxed),
        peak_rss_mb: stage.watch.peak_mb().round(),
        recovery_s: (arrivals.over_after().as_secs_f64() * 10.0).round() / 10.0,
        seconds: start.elapsed().as_secs_f64().round(),
        seed: run.seed,
        broken: if run.system.is_ours() { account.broken(is_exactly_once) } else { Vec::new() },
    })
}
