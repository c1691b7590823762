//! What ClickHouse has of it: comes in a table, goes out its rows, one number for their content, and that the server
//! is done with them. Must not wait without a bound.

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

/// The sum of a hash over the inserted columns of every row: the same rows in any order give the same number. Keys of
/// maps count in any order and times of metrics in whole seconds, since those differ between systems without harm.
pub async fn content(engine: &ClickHouse, table: &str) -> anyhow::Result<String> {
    let columns = engine
        .query(&format!(
            "SELECT name, type FROM system.columns WHERE database = '{DATABASE}' AND table = '{table}' \
             AND default_kind = '' ORDER BY position FORMAT TSVRaw"
        ))
        .await?;
    let comparable = |line: &str| {
        let (name, kind) = line.split_once('\t')?;
        Some(match kind {
            _ if name == "SeverityText" => format!("lower(`{name}`)"),
            _ if kind.starts_with("Map(") => format!("mapSort(`{name}`)"),
            _ if kind.starts_with("Array(Map(") => format!("arrayMap(m -> mapSort(m), `{name}`)"),
            _ if name == "TimeUnix" || name == "StartTimeUnix" => format!("toDateTime(`{name}`)"),
            _ if name == "Exemplars.TimeUnix" => format!("arrayMap(t -> toDateTime(t), `{name}`)"),
            _ => format!("`{name}`"),
        })
    };
    let list: Vec<String> = columns.lines().filter_map(comparable).collect();
    engine.query(&format!("SELECT sum(cityHash64({})) FROM {DATABASE}.{table}", list.join(", "))).await
}
