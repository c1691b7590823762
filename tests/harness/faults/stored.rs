//! What ClickHouse itself says of a run's rows: comes in a server with them, goes out how often it has each, and when
//! it stopped getting more. Must not trust a collector's word.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;

use super::accounts::{Id, Stored};
use super::senders::TABLE;
use crate::clickhouse::Asker;

/// Rows of which the server groups the names at once: about 300 MB of its memory.
const ROWS_AT_ONCE: u64 = 1_000_000;
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A server that does not answer a count is asked again: it may be paused.
const COUNT_WITHIN: Duration = Duration::from_secs(5);

/// How often each row is there, by request.
pub async fn read(asker: &Asker) -> anyhow::Result<Vec<Stored>> {
    #[derive(Deserialize)]
    struct Line {
        trace: String,
        times: u64,
        rows: u64,
    }
    let slices = count(asker, None).await? / ROWS_AT_ONCE + 1;
    let mut all = Vec::new();
    for slice in 0..slices {
        let sql = format!(
            "SELECT trace, times, count() AS rows FROM (SELECT TraceId AS trace, SpanId, count() AS times FROM {TABLE} \
             WHERE cityHash64(TraceId) % {slices} = {slice} GROUP BY TraceId, SpanId) GROUP BY trace, times \
             SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSONEachRow"
        );
        for line in asker.query(&sql).await?.lines() {
            let Line { trace, times, rows } = serde_json::from_str(line)?;
            all.push(Stored { id: Id::of_trace(&trace).with_context(|| format!("trace {trace:?}"))?, times, rows });
        }
    }
    Ok(all)
}

/// Rows that are there; of those made before a moment only, where one is given.
pub async fn count(asker: &Asker, before_unix_nanos: Option<u64>) -> anyhow::Result<u64> {
    let made = before_unix_nanos.map_or_else(String::new, |nanos| {
        format!(" WHERE Timestamp < fromUnixTimestamp64Nano(toInt64({nanos}), 'UTC')")
    });
    let sql = format!("SELECT count() FROM {TABLE}{made}");
    let counted =
        tokio::time::timeout(COUNT_WITHIN, asker.query(&sql)).await.context("ClickHouse did not count in time")?;
    Ok(counted?.parse()?)
}

/// Waits until `wanted` rows are there and no more come for `quiet`, or until none comes for `patience`.
pub async fn wait_for(asker: &Asker, wanted: u64, quiet: Duration, patience: Duration) -> anyhow::Result<()> {
    let (mut seen, mut moved) = (0, Instant::now());
    loop {
        match count(asker, None).await {
            Ok(now) if now != seen => (seen, moved) = (now, Instant::now()),
            Ok(now) if moved.elapsed() > if now >= wanted { quiet } else { patience } => return Ok(()),
            Err(error) if moved.elapsed() > patience => return Err(error),
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How the rows made before a moment arrive after it. It ends when it is dropped.
#[derive(Debug)]
pub struct Arrivals {
    seen: tokio::sync::watch::Receiver<(u64, Duration)>,
    watching: tokio::task::JoinHandle<()>,
}

impl Arrivals {
    pub fn watch(asker: Asker, before_unix_nanos: u64) -> Arrivals {
        let start = Instant::now();
        let (report, seen) = tokio::sync::watch::channel((0, Duration::ZERO));
        let watching = tokio::spawn(async move {
            loop {
                if let Ok(now) = count(&asker, Some(before_unix_nanos)).await {
                    let is_more = |seen: &mut (u64, Duration)| {
                        let is_more = now > seen.0;
                        *seen = if is_more { (now, start.elapsed()) } else { *seen };
                        is_more
                    };
                    report.send_if_modified(is_more);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Arrivals { seen, watching }
    }

    /// From the moment until the last of them was there.
    pub fn over_after(&self) -> Duration {
        self.seen.borrow().1
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
