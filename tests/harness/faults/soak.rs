//! Hours in minutes: comes in a system, a seed and a time, goes out the account of every row after one fault upon the
//! other at a steady rate, and whether what the process holds stays flat. Must not stop at the first fault that hurts.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::inject::{Dose, inject};
use super::{Entry, Fault, Run, finish};
use crate::dice::Dice;
use crate::faults::senders::Senders;
use crate::faults::system::Stage;

/// Those that can come again and again on one stage, with lines that are never wrong.
const FAULTS: [Fault; 8] = [
    Fault::Kill,
    Fault::Kill,
    Fault::KillInOutage,
    Fault::Sigterm,
    Fault::ClickhouseKilled,
    Fault::ClickhousePaused,
    Fault::ClickhouseReadOnly,
    Fault::ClickhouseTooManyParts,
];
/// After a fault, before what the process holds is looked at: an outage of 12 s is made good in less.
const CALM: Duration = Duration::from_secs(20);
/// A process that was started again holds less at first: only looks at the same age are compared.
const MEMORY_MAY_GROW_MB: f64 = 40.0;
const FILES_MAY_GROW: usize = 32;

/// What the process held in a calm moment.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Sample {
    pub after_s: u64,
    pub fault: Fault,
    pub rss_mb: f64,
    pub open_files: usize,
    pub spool_files: usize,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sample { after_s, rss_mb, open_files, spool_files, .. } = self;
        let fault = self.fault.name();
        write!(f, "{after_s:>6} s  {fault:<26} {rss_mb:>6.0} MB {open_files:>5} open {spool_files:>4} in the spool")
    }
}

/// Faults for as long as said. `told` hears of every sample at once.
pub async fn soak(run: &Run, length: Duration, mut told: impl FnMut(&Sample)) -> anyhow::Result<(Entry, Vec<Sample>)> {
    let start = Instant::now();
    let mut stage = Stage::set(run.system, Fault::Kill).await?;
    let ended = through(run, &mut stage, start, length, &mut told).await;
    ended.map_err(|error| stage.explained(error))
}

async fn through(
    run: &Run,
    stage: &mut Stage,
    start: Instant,
    length: Duration,
    told: &mut impl FnMut(&Sample),
) -> anyhow::Result<(Entry, Vec<Sample>)> {
    let mut dice = Dice::new(run.seed, FAULTS.len() as u64);
    let (http, grpc) = stage.endpoints();
    let senders = Senders::start(run.pace, run.seed, &http, &grpc)?;
    let (mut kills, mut samples) = (0, Vec::new());
    while start.elapsed() < length {
        let fault = dice.pick(&FAULTS);
        let dose = Dose { times: 1 + dice.below(3) as u32, length: Duration::from_secs(3 + dice.below(10)) };
        kills += inject(stage, fault, dose, &mut dice).await?;
        tokio::time::sleep(CALM).await;
        let (rss_mb, open_files) = (stage.watch.rss_mb().round(), stage.watch.open_files());
        let after_s = start.elapsed().as_secs();
        let sample = Sample { after_s, fault, rss_mb, open_files, spool_files: stage.spool_files() };
        told(&sample);
        samples.push(sample);
    }
    let mut entry = finish(run, stage, senders, kills, start).await?;
    entry.broken.extend(grown(&samples));
    Ok((entry, samples))
}

/// What the last third holds more than the middle one.
fn grown(samples: &[Sample]) -> Vec<String> {
    let third = samples.len() / 3;
    let (middle, last) = (&samples[third..third * 2], &samples[third * 2..]);
    let memory = |samples: &[Sample]| samples.iter().map(|sample| sample.rss_mb).fold(0.0, f64::max);
    let files = |samples: &[Sample]| samples.iter().map(|s| s.open_files + s.spool_files).max().unwrap_or(0);
    let mut grown = Vec::new();
    if middle.is_empty() {
        return grown;
    }
    if memory(last) > memory(middle) + MEMORY_MAY_GROW_MB {
        grown.push(format!("memory grew from {} to {} MB", memory(middle), memory(last)));
    }
    if files(last) > files(middle) + FILES_MAY_GROW {
        grown.push(format!("files grew from {} to {}", files(middle), files(last)));
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: [(f64, usize); 6]) -> Vec<Sample> {
        let of = |(rss_mb, open_files)| Sample { after_s: 0, fault: Fault::Kill, rss_mb, open_files, spool_files: 4 };
        values.map(of).into()
    }

    #[test]
    fn what_stays_flat_after_a_warm_up_is_flat() {
        let flat = samples([(20.0, 60), (25.0, 70), (60.0, 90), (40.0, 90), (70.0, 95), (60.0, 80)]);
        assert_eq!(grown(&flat), Vec::<String>::new());
    }

    #[test]
    fn what_grows_to_the_end_is_found() {
        let leaks = samples([(20.0, 60), (25.0, 70), (60.0, 90), (80.0, 120), (110.0, 150), (140.0, 190)]);
        assert_eq!(grown(&leaks).len(), 2);
    }
}
