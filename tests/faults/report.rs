//! What came of the runs, for people and for machines: comes in an entry for each run, goes out a line, JSON and whether
//! our collector kept its promise. A run that failed says how to repeat it.

use serde::Serialize;
use tests::faults::soak::Sample;
use tests::faults::{Entry, Run};

pub const HEAD: &str = "system                      fault                     kills     sent    acked   stored     lost    dupl.    ambig. reject.  unack. retries  RSS MB  recov.s    s seed";

/// A soak wants its `--soak` besides.
const AGAIN: &str = "cargo run --release -p tests --bin faults --";

#[derive(Debug, Default, Serialize)]
pub struct Report {
    results: Vec<Entry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    samples: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<String>,
}

impl Report {
    pub fn add(&mut self, run: &Run, ended: anyhow::Result<Entry>) {
        match ended {
            Ok(entry) => {
                println!("{}", line(&entry));
                for broken in &entry.broken {
                    self.fail(run, broken);
                }
                self.results.push(entry);
            }
            Err(error) => self.fail(run, &format!("{error:#}")),
        }
    }

    /// What a soak saw on its way.
    pub fn keep(&mut self, samples: Vec<Sample>) {
        self.samples = samples;
    }

    fn fail(&mut self, run: &Run, why: &str) {
        let failure = format!("{} {}: {why}\n  again: {AGAIN} {run}", run.system.name(), run.fault.name());
        println!("FAILED {failure}");
        self.failures.push(failure);
    }

    pub fn is_kept(&self) -> bool {
        self.failures.is_empty()
    }

    pub fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The failures once more, or that there were none.
    pub fn summary(&self) -> String {
        let kills: u32 = self.results.iter().map(|entry| entry.kills).sum();
        match self.is_kept() {
            true => format!("{} runs, {kills} ends of a process: our collector broke no promise", self.results.len()),
            false => self.failures.join("\n"),
        }
    }
}

fn line(entry: &Entry) -> String {
    let name = |value: serde_json::Result<serde_json::Value>| {
        value.ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
    };
    format!(
        "{:<27} {:<25} {:>5} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>7} {:>7} {:>7} {:>7.0} {:>8.1} {:>4.0} {}",
        name(serde_json::to_value(entry.system)),
        name(serde_json::to_value(entry.fault)),
        entry.kills,
        entry.account.sent,
        entry.account.acked,
        entry.account.stored,
        entry.account.acked_lost,
        entry.account.duplicated,
        entry.account.ambiguous,
        entry.account.rejected,
        entry.account.unacked,
        entry.retries,
        entry.peak_rss_mb,
        entry.recovery_s,
        entry.seconds,
        entry.seed,
    )
}
