//! The tables this collector writes to: made where they are absent, and looked at as they are.
//!
//! Comes in: a way to ClickHouse, what may be made there and how, and a bell that rings when an insert does not fit.
//! Goes out: the objects of `schema/*.sql`, the columns of every table as the server has them, and whether ClickHouse
//! has been reached. Must not fail the process: ClickHouse may be away at start, and the user may have no right to
//! create what an administrator has created already. Must not change a column of a table that is there.

use std::{sync::Arc, time::Duration};

use crds::config::ClickHouse;
use tokio::sync::{Notify, watch};

use crate::{
    insert::{Client, InsertError},
    table::{Layouts, Table},
};

pub mod columns;
pub mod objects;
pub mod retention;
pub mod upkeep;

use columns::columns_sql;
use objects::{Need, Object, Site, has_text_indexes, objects};
use upkeep::{Existing, Step, default_window_sql, existing_sql, steps};

/// First and longest pause between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// Between two looks; whoever rings meanwhile is heard after it.
const PAUSE: Duration = Duration::from_secs(1);

/// A column added by hand is written to after this time at the latest. One dropped by hand rings at once.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// ACCESS_DENIED: the tables have to be made by somebody else.
const ACCESS_DENIED: u32 = 497;

/// UNKNOWN_TABLE: what an insert would be told.
const UNKNOWN_TABLE: u32 = 60;

/// Why the tables are not as they have to be.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("cannot ask ClickHouse for its version")]
    Version(#[source] InsertError),
    #[error("cannot create {0}")]
    Create(&'static str, #[source] InsertError),
    #[error("cannot read the columns of the tables")]
    Look(#[source] InsertError),
    #[error("not there, and clickhouse.schema.manage is false: {0}")]
    Absent(String),
}

/// The schema of one database.
#[derive(Clone, Debug)]
pub struct Schema {
    client: Client,
    site: Site,
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
    pub fn new(clickhouse: &ClickHouse, client: Client) -> Self {
        let site = Site {
            database: clickhouse.database.clone(),
            config: clickhouse.schema.clone(),
            retention: clickhouse.retention,
        };
        Self { client, site }
    }

    /// Creates what is absent, once, and tends what is there.
    ///
    /// # Errors
    /// ClickHouse could not be reached or refused; or a table is absent and must not be made.
    pub async fn migrate(&self) -> Result<(), SchemaError> {
        self.make(&watch::Sender::default()).await
    }

    /// Makes the tables, then publishes their columns for as long as the process lives. `stale` rings when an insert
    /// met a table that is gone or has other columns.
    pub async fn keep(self, stale: Arc<Notify>, state: watch::Sender<State>, layouts: watch::Sender<Layouts>) {
        self.until_made(&state, &layouts).await;
        loop {
            let is_rung = tokio::time::timeout(LOOK_EVERY, stale.notified()).await.is_ok();
            // Without an answer the columns known so far stand; the next insert that does not fit rings again.
            if let Ok(absent) = self.look(&layouts).await
                && is_rung
                && !absent.is_empty()
            {
                tracing::warn!(absent = absent.join(", "), "tables are gone");
                self.until_made(&state, &layouts).await;
            }
            // A table that a view misses rings as well, and is not ours to make: no more than a look in this time.
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn until_made(&self, state: &watch::Sender<State>, layouts: &watch::Sender<Layouts>) {
        let mut pause = BACKOFF.0;
        while let Err(error) = self.make(layouts).await {
            let reason = match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            self.client.reach().schema(Some((code(&error), reason.clone())));
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
        self.client.reach().schema(None);
        state.send_replace(State::Reached);
    }

    async fn make(&self, layouts: &watch::Sender<Layouts>) -> Result<(), SchemaError> {
        let created = if self.site.config.manage { self.create().await } else { Ok(()) };
        // What could be made is of use even where something could not.
        let absent = self.look(layouts).await?;
        created?;
        if self.site.config.manage {
            self.tend().await;
            return Ok(());
        }
        let absent: Vec<_> = Table::ALL.map(Table::name).into_iter().filter(|name| absent.contains(name)).collect();
        if absent.is_empty() { Ok(()) } else { Err(SchemaError::Absent(absent.join(", "))) }
    }

    /// Creates what is absent: everything that can be, even where something cannot.
    async fn create(&self) -> Result<(), SchemaError> {
        let version = self.client.query("SELECT version()").await.map_err(SchemaError::Version)?;
        let (mut denied, mut derived, mut first) = (Vec::new(), Vec::new(), None);
        for object in objects(&self.site.config) {
            let sql = object.sql(&self.site, has_text_indexes(&version));
            let Err(error) = self.client.query(&sql).await else { continue };
            // Nobody answers: the next one would wait as long.
            if error.code().is_none() {
                return Err(SchemaError::Create(object.title(), error));
            }
            if error.code() == Some(ACCESS_DENIED) && self.is_there(&object).await {
                denied.push(object.title());
            } else if object.need == Need::Derived {
                derived.push(format!("{}: {error}", object.title()));
            } else if first.is_none() {
                first = Some(SchemaError::Create(object.title(), error));
            }
        }
        // Told once, with the success; until then the first failure is the news.
        if let Some(error) = first {
            return Err(error);
        }
        if !denied.is_empty() {
            tracing::warn!(objects = denied.join(", "), "no right to create these, and they are there already");
        }
        if !derived.is_empty() {
            tracing::warn!(objects = derived.join(", "), "cannot create these; inserts work without them");
        }
        Ok(())
    }

    async fn is_there(&self, object: &Object) -> bool {
        self.client.query(&object.exists_sql(&self.site)).await.is_ok_and(|answer| answer == "1")
    }

    /// Changes what may be changed in tables that are there. Whatever goes wrong here costs no row, and is told.
    async fn tend(&self) {
        let existing = match self.client.query(&existing_sql(&self.site.database)).await {
            Ok(answer) => existing(&answer),
            Err(error) => return tracing::warn!(%error, "cannot read the settings of the tables"),
        };
        // Reading it is a right of its own. Without it: what it is unless somebody has changed it.
        let default_window = self.client.query(&default_window_sql()).await.unwrap_or_else(|_| "0".to_owned());
        for step in existing.iter().flat_map(|table| steps(table, &default_window, &self.site)) {
            match step {
                Step::Leave { table, why } => tracing::warn!(table, why, "retention not changed"),
                Step::Alter { table, sql, what } => match self.client.query(&sql).await {
                    Ok(_) => tracing::info!(table, what, "table altered"),
                    Err(error) => tracing::warn!(table, what, %error, "table not altered; run it by hand: {sql}"),
                },
            }
        }
    }

    /// Reads the columns of all tables and publishes them. Returns the objects that are not there, or that this user
    /// may not see.
    async fn look(&self, layouts: &watch::Sender<Layouts>) -> Result<Vec<&'static str>, SchemaError> {
        let tables: Vec<_> = objects(&self.site.config).iter().filter_map(Object::table).collect();
        let answer = self.client.query(&columns_sql(&self.site.database, &tables)).await.map_err(SchemaError::Look)?;
        let columns: Vec<_> = answer.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let found = columns::layouts(&columns);
        layouts.send_if_modified(|known| {
            let is_news = *known != found;
            if is_news {
                *known = found;
            }
            is_news
        });
        Ok(tables.into_iter().filter(|table| !columns.iter().any(|(name, ..)| name == table)).collect())
    }
}

/// The answer ClickHouse gave, where it gave one. Tables that are not there are an answer too.
fn code(error: &SchemaError) -> Option<u32> {
    match error {
        SchemaError::Version(error) | SchemaError::Create(_, error) | SchemaError::Look(error) => error.code(),
        SchemaError::Absent(_) => Some(UNKNOWN_TABLE),
    }
}

fn existing(answer: &str) -> Vec<Existing> {
    let rows = answer.lines().filter_map(|line| serde_json::from_str(line).ok());
    rows.map(|(name, engine, create)| Existing { name, engine, create }).collect()
}
