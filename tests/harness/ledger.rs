//! The conservation law: comes in every numbered row with its answers, goes out "holds" or the
//! difference to what ClickHouse has. Must not forgive: a row answered OK and missing is lost, a row
//! stored and never sent is invented.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use serde::Deserialize;

use crate::clickhouse::ClickHouse;
use crate::otlp::Answer;

/// How often a row answered OK may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    ExactlyOnce,
    AtLeastOnce,
}

/// Every row of a run and what was answered for it.
#[derive(Debug)]
pub struct Ledger {
    run_id: String,
    mode: Mode,
    rows: BTreeMap<u64, Row>,
    /// Rows refused inside accepted requests: how many, not which.
    partly_rejected: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Row {
    accepted: u64,
    refused: u64,
    in_partial: bool,
    /// Sent with an answer that leaves it to the sender, or with none.
    open: u64,
}

/// What the check counted. sent = stored + rejected + owned by the sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    pub sent: u64,
    pub stored: u64,
    pub rejected: u64,
    pub still_owned: u64,
}

impl Ledger {
    pub fn new(run_id: &str, mode: Mode) -> Ledger {
        Ledger { run_id: run_id.into(), mode, rows: BTreeMap::new(), partly_rejected: 0 }
    }

    /// Enters one request and its answer; a row sent again is entered again.
    pub fn enter(&mut self, numbers: Range<u64>, answer: &Answer) {
        if let Answer::Accepted { rejected, .. } = answer {
            self.partly_rejected += rejected;
        }
        for number in numbers {
            let row = self.rows.entry(number).or_default();
            match answer {
                Answer::Accepted { rejected, .. } => {
                    row.accepted += 1;
                    row.in_partial |= *rejected > 0;
                }
                Answer::Permanent { .. } => row.refused += 1,
                Answer::Retry { .. } | Answer::Unanswered { .. } => row.open += 1,
            }
        }
    }

    /// Compares with the rows of this run in `table` (`database.table`).
    pub async fn check(&self, engine: &ClickHouse, table: &str) -> anyhow::Result<Account> {
        #[derive(Deserialize)]
        struct Stored {
            id: u64,
            times: u64,
        }
        let run = self.run_id.replace('\\', "\\\\").replace('\'', "\\'");
        let sql = format!(
            "SELECT toUInt64(LogAttributes['row.id']) AS id, count() AS times FROM {table} \
             WHERE LogAttributes['run.id'] = '{run}' GROUP BY id SETTINGS output_format_json_quote_64bit_integers = 0"
        );
        let rows: Vec<Stored> = engine.query_rows(&sql).await?;
        self.compare(&rows.into_iter().map(|row| (row.id, row.times)).collect())
    }

    /// The check itself: `stored` says how often each row was found.
    pub fn compare(&self, stored: &BTreeMap<u64, u64>) -> anyhow::Result<Account> {
        let mut wrong: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let mut account = Account { sent: self.rows.len() as u64, ..Account::default() };
        let mut missing_of_partial = 0;
        for (&number, row) in &self.rows {
            let times = stored.get(&number).copied().unwrap_or(0);
            account.stored += u64::from(times > 0);
            account.rejected += u64::from(times == 0 && row.refused > 0 && row.accepted == 0);
            account.still_owned += u64::from(times == 0 && row.refused == 0 && row.accepted == 0);
            missing_of_partial += u64::from(times == 0 && row.in_partial);
            if let Some(fault) = self.fault(row, times) {
                wrong.entry(fault).or_default().push(number);
            }
        }
        account.rejected += missing_of_partial;
        for &number in stored.keys().filter(|&number| !self.rows.contains_key(number)) {
            wrong.entry("stored but never sent").or_default().push(number);
        }
        anyhow::ensure!(wrong.is_empty(), "{}", self.difference(&wrong, account));
        anyhow::ensure!(
            missing_of_partial == self.partly_rejected
                || self.mode == Mode::AtLeastOnce && missing_of_partial < self.partly_rejected,
            "{missing_of_partial} rows of partly rejected requests are missing, answered were {}",
            self.partly_rejected
        );
        Ok(account)
    }

    fn fault(&self, row: &Row, times: u64) -> Option<&'static str> {
        let never_taken = row.accepted == 0 && row.open == 0;
        match times {
            0 if row.accepted > 0 && !row.in_partial => Some("answered OK and missing"),
            1.. if never_taken => Some("refused for good and stored"),
            2.. if self.mode == Mode::ExactlyOnce => Some("stored more than once"),
            _ => None,
        }
    }

    fn difference(&self, wrong: &BTreeMap<&str, Vec<u64>>, account: Account) -> String {
        let mut text = format!("run {}: the ledger does not hold ({account:?})", self.run_id);
        for (fault, numbers) in wrong {
            let some: Vec<String> = numbers.iter().take(10).map(u64::to_string).collect();
            let _ = write!(text, "\n  {fault}: {} rows, such as {}", numbers.len(), some.join(" "));
        }
        text
    }
}

#[cfg(test)]
mod tests;
