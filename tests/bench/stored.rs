//! What ClickHouse has of it: comes in a table, goes out its rows, one number for their content, and that the server
//! is done with them. Must not wait without a bound.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tests::clickhouse::ClickHouse;

use crate::system::DATABASE;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// A system that stores nothing for so long has stopped: longer than any batch timeout and retry pause here.
const PROGRESS_WITHIN: Duration = Duration::from_secs(45);
/// Merges that follow are waited for this long, and are over when none ran for the second time.
const MERGED_WITHIN: Duration = Duration::from_secs(180);
const QUIET_FOR: Duration = Duration::from_secs(2);

/// Waits until at least `rows` are there, or none has come for a while; says how many are.
pub async fn wait_for(engine: &ClickHouse, table: &str, rows: usize) -> anyhow::Result<usize> {
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        let now = count(engine, table).await?;
        if now >= rows {
            return Ok(now);
        }
        if now != seen {
            (seen, moved) = (now, Instant::now());
        }
        if moved.elapsed() > PROGRESS_WITHIN {
            return Ok(now);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

pub async fn count(engine: &ClickHouse, table: &str) -> anyhow::Result<usize> {
    Ok(engine.query(&format!("SELECT count() FROM {DATABASE}.{table}")).await?.parse()?)
}

/// Waits until the server merges nothing any more.
pub async fn wait_for_merges(engine: &ClickHouse) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut quiet = Instant::now();
    while quiet.elapsed() < QUIET_FOR {
        anyhow::ensure!(start.elapsed() < MERGED_WITHIN, "still merging after {MERGED_WITHIN:?}");
        if engine.query("SELECT count() FROM system.merges").await? != "0" {
            quiet = Instant::now();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Parts made by inserts, without those made by merges.
pub async fn inserted_parts(engine: &ClickHouse, table: &str) -> anyhow::Result<usize> {
    let sql = format!(
        "SELECT toUInt64(sum(max_block_number - min_block_number + 1)) FROM system.parts \
         WHERE database = '{DATABASE}' AND table = '{table}' AND active"
    );
    Ok(engine.query(&sql).await?.parse()?)
}

/// What the rows of a table hold, in numbers: the same rows in any order give the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Over whole rows.
    rows: String,
    /// Over each column, to say where rows differ.
    columns: BTreeMap<String, String>,
}

impl Content {
    /// The columns that differ; empty when every row is equal.
    pub fn differs_in(&self, other: &Content) -> Vec<String> {
        if self.rows == other.rows {
            return Vec::new();
        }
        let differs = |(name, hash): (&String, &String)| (other.columns.get(name) != Some(hash)).then(|| name.clone());
        let columns: Vec<String> = self.columns.iter().filter_map(differs).collect();
        if columns.is_empty() { vec!["rows".into()] } else { columns }
    }
}

/// Sums of hashes over the inserted columns of every row. Keys of maps count in any order and times of metrics in whole
/// seconds, since those differ between systems without harm; severities count in lower case.
pub async fn content(engine: &ClickHouse, table: &str) -> anyhow::Result<Content> {
    let columns = engine
        .query(&format!(
            "SELECT name, type FROM system.columns WHERE database = '{DATABASE}' AND table = '{table}' \
             AND default_kind = '' ORDER BY position FORMAT TSVRaw"
        ))
        .await?;
    let columns: Vec<(&str, String)> =
        columns.lines().filter_map(|line| line.split_once('\t')).map(comparable).collect();
    let hashes: Vec<String> =
        columns.iter().map(|(name, value)| format!("toString(sum(cityHash64({value}))) AS `{name}`")).collect();
    let values: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
    let table = format!("{DATABASE}.{table} AS t");
    let rows = engine.query(&format!("SELECT sum(cityHash64({})) FROM {table}", values.join(", "))).await?;
    let sums = engine.query_rows(&format!("SELECT {} FROM {table}", hashes.join(", "))).await?;
    Ok(Content { rows, columns: sums.into_iter().next().unwrap_or_default() })
}

/// A column and what of it counts.
fn comparable<'a>((name, kind): (&'a str, &str)) -> (&'a str, String) {
    let value = match kind {
        _ if name == "SeverityText" => format!("lower(t.`{name}`)"),
        _ if kind.starts_with("Map(") => format!("mapSort(t.`{name}`)"),
        _ if kind.starts_with("Array(Map(") => format!("arrayMap(m -> mapSort(m), t.`{name}`)"),
        _ if name == "TimeUnix" || name == "StartTimeUnix" => format!("toDateTime(t.`{name}`)"),
        _ if name == "Exemplars.TimeUnix" => format!("arrayMap(m -> toDateTime(m), t.`{name}`)"),
        _ => format!("t.`{name}`"),
    };
    (name, value)
}
