//! What became of every row: comes in each request with what its sender was told, and how often ClickHouse has its
//! rows, goes out the account. Must not forgive, and must not blame a collector for what no server could know.
//!
//! A sender that had no answer sends again, and both copies may be stored: nobody but the sender can tell that they are
//! one. Such copies are `ambiguous`. Every other copy is `duplicated`: the collector made it itself, or told a sender to
//! send again what it then stored all the same.

use std::collections::BTreeMap;

use serde::Serialize;

#[cfg(test)]
mod tests;

/// Which request: who sent it, and its number there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Id {
    pub sender: u32,
    pub number: u32,
}

/// The last word on a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// Taken, but for so many rows that were refused for good.
    Acked {
        rejected: u64,
    },
    Refused,
    /// The sender still has it.
    Nothing,
}

/// One request of a run.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    pub id: Id,
    pub rows: u64,
    pub told: Told,
    /// Attempts that went out and got no answer.
    pub unknown: u64,
}

/// So many rows of a request are in ClickHouse so many times.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub id: Id,
    pub times: u64,
    pub rows: u64,
}

/// In rows: sent = stored + rejected + unacked + acked_lost.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Account {
    pub sent: u64,
    pub acked: u64,
    /// Of those sent, how many are there, each counted once.
    pub stored: u64,
    pub acked_lost: u64,
    /// Copies too many that are the collector's own.
    pub duplicated: u64,
    /// Copies too many of which the sender had no answer in between.
    pub ambiguous: u64,
    pub rejected: u64,
    /// Neither stored nor told: the sender has them.
    pub unacked: u64,
    /// Told that they are refused, and there.
    pub refused_and_stored: u64,
    /// There, and never sent.
    pub invented: u64,
}

/// Compares what was told with what is there.
pub fn settle(requests: &[Request], stored: &[Stored]) -> Account {
    let mut found: BTreeMap<Id, Vec<Stored>> = BTreeMap::new();
    for rows in stored {
        found.entry(rows.id).or_default().push(*rows);
    }
    let mut account = Account::default();
    for request in requests {
        account.enter(request, &found.remove(&request.id).unwrap_or_default());
    }
    account.invented += found.values().flatten().map(|rows| rows.rows).sum::<u64>();
    account
}

impl Account {
    fn enter(&mut self, request: &Request, found: &[Stored]) {
        let distinct: u64 = found.iter().map(|rows| rows.rows).sum();
        self.invented += distinct.saturating_sub(request.rows);
        let there = distinct.min(request.rows);
        let missing = request.rows - there;
        self.sent += request.rows;
        self.stored += there;
        match request.told {
            Told::Acked { rejected } => {
                let told = missing.min(rejected);
                self.acked += request.rows - told;
                self.rejected += told;
                self.acked_lost += missing - told;
            }
            Told::Refused => {
                self.rejected += missing;
                self.refused_and_stored += if request.unknown == 0 { there } else { 0 };
            }
            Told::Nothing => self.unacked += missing,
        }
        let answered = u64::from(matches!(request.told, Told::Acked { .. }));
        let excused = (answered + request.unknown).saturating_sub(1);
        for rows in found {
            let extra = rows.times.saturating_sub(1);
            self.ambiguous += extra.min(excused) * rows.rows;
            self.duplicated += extra.saturating_sub(excused) * rows.rows;
        }
    }

    /// What of it breaks the promise, in words; `exactly_once` where copies break it too.
    pub fn broken(&self, exactly_once: bool) -> Vec<String> {
        let faults = [
            (self.acked_lost, "rows were acknowledged and are not in ClickHouse"),
            (if exactly_once { self.duplicated } else { 0 }, "copies too many were made by the collector"),
            (self.refused_and_stored, "rows were refused and are in ClickHouse"),
            (self.invented, "rows were never sent and are in ClickHouse"),
            (self.unacked, "rows were still with their senders at the end"),
        ];
        faults.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")).collect()
    }
}
