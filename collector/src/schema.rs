//! The tables this collector writes to.
//!
//! Comes in: a way to ClickHouse and the retention. Goes out: the tables of `schema/*.sql`, created where absent
//! and never altered where present. Must not fail the process: ClickHouse may be away at start, and the user may
//! have no right to create what an administrator has created already.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use crate::insert::{Client, InsertError};

const DATABASE: &str = include_str!("../schema/01_database.sql");
const LOGS: &str = include_str!("../schema/02_otel_logs.sql");
const DATABASE_EXISTS: &str = "EXISTS DATABASE {database}";
const LOGS_EXISTS: &str = "EXISTS TABLE {database}.otel_logs";
const LOGS_COMPAT: &str = include_str!("../schema/02_otel_logs_compat.sql");

/// The first version whose text indexes the tables use.
const TEXT_INDEXES: (u32, u32) = (26, 2);

/// First and longest pause between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Between two rounds; whoever rings meanwhile is heard after it.
const PAUSE: Duration = Duration::from_secs(1);

/// ACCESS_DENIED: the tables have to be made by somebody else.
const ACCESS_DENIED: u32 = 497;

/// Why the tables could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("cannot ask ClickHouse for its version")]
    Version(#[source] InsertError),
    #[error("cannot create {0}")]
    Create(&'static str, #[source] InsertError),
}

/// The schema of one database.
#[derive(Clone, Debug)]
pub struct Schema {
    pub client: Client,
    /// How long rows are kept.
    pub retention: Duration,
}

/// What has become of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum State {
    /// ClickHouse has not been reached since the start.
    #[default]
    Unknown,
    /// ClickHouse has answered; the tables are there or somebody else makes them.
    Reached,
    /// The last try failed, with this reason.
    Failed(String),
}

impl Schema {
    /// Creates what is absent, once.
    ///
    /// # Errors
    /// ClickHouse could not be reached or refused; nothing that was there is changed.
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        let version = self.client.query("SELECT version()").await.map_err(SchemaError::Version)?;
        let logs = if has_text_indexes(&version) { LOGS } else { LOGS_COMPAT };
        for (name, sql, exists) in [("the database", DATABASE, DATABASE_EXISTS), ("otel_logs", logs, LOGS_EXISTS)] {
            match self.client.query(&self.render(sql)).await {
                Err(error) if error.code() == Some(ACCESS_DENIED) && self.is_there(exists).await => {
                    tracing::info!(object = name, "no right to create it, and it is there already");
                }
                result => drop(result.map_err(|error| SchemaError::Create(name, error))?),
            }
        }
        Ok(())
    }

    /// Creates what is absent until it is there, at the start and whenever `missing` rings.
    pub async fn keep(self, missing: Arc<Notify>, state: watch::Sender<State>) {
        loop {
            self.until_made(&state).await;
            // A table that a view misses rings as well, and is not ours to make: no more than a round in this time.
            tokio::time::sleep(PAUSE).await;
            missing.notified().await;
        }
    }

    async fn until_made(&self, state: &watch::Sender<State>) {
        let mut pause = BACKOFF.0;
        while let Err(error) = self.migrate().await {
            let reason = match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            state.send_if_modified(|state| {
                let is_news = *state != State::Failed(reason.clone());
                if is_news {
                    tracing::warn!(%reason, "schema not made yet, trying again");
                }
                // Once reached, always reached: later trouble is the inserts' to report.
                let is_first = *state != State::Reached && is_news;
                if is_first {
                    *state = State::Failed(reason);
                }
                is_first
            });
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(BACKOFF.1);
        }
        tracing::info!(database = self.client.database(), "schema is in place");
        state.send_replace(State::Reached);
    }

    async fn is_there(&self, question: &str) -> bool {
        self.client.query(&self.render(question)).await.is_ok_and(|answer| answer == "1")
    }

    fn render(&self, sql: &str) -> String {
        sql.replace("{database}", &format!("`{}`", self.client.database()))
            .replace("{logs_ttl}", &interval(self.retention))
    }
}

/// The largest unit that says it exactly, as ClickStack's own schema does.
fn interval(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "Day"), (3_600, "Hour"), (60, "Minute"), (1, "Second")];
    let (factor, unit) = units.into_iter().find(|(factor, _)| seconds.is_multiple_of(*factor)).unwrap_or((1, "Second"));
    format!("toInterval{unit}({})", seconds / factor)
}

fn has_text_indexes(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    (major, minor) >= TEXT_INDEXES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_written_in_the_largest_exact_unit() {
        for (seconds, sql) in [
            (2_592_000, "toIntervalDay(30)"),
            (7_200, "toIntervalHour(2)"),
            (90, "toIntervalSecond(90)"),
            (60, "toIntervalMinute(1)"),
        ] {
            assert_eq!(interval(Duration::from_secs(seconds)), sql);
        }
    }

    #[test]
    fn text_indexes_are_used_from_26_2_on() {
        for (version, is_new) in
            [("26.7.3.1", true), ("26.2.1", true), ("26.1.9", false), ("25.12", false), ("27.1", true), ("", false)]
        {
            assert_eq!(has_text_indexes(version), is_new, "{version}");
        }
    }
}
