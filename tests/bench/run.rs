//! One measurement: comes in a system, a case and its requests, goes out what a row cost. The engine is new, so that
//! nothing of another measurement is merged during this one.

use std::time::{Duration, Instant};

use tests::clickhouse::{ClickHouse, Options};

use crate::cases::Case;
use crate::load::{Sender, Sent, in_flight};
use crate::report::Row;
use crate::stored;
use crate::system::{Running, System};
use crate::workload::Request;
pub use crate::workload::Workload;
use tests::cost;

/// Longer than the longest measurement: an engine nobody stopped ends by itself.
const ENGINE_LIFE: Duration = Duration::from_secs(1_800);

/// `connections`: requests on their way at once, instead of as many as suit the system.
pub async fn measure(
    system: System,
    case: &Case,
    workload: &Workload,
    connections: Option<usize>,
) -> anyhow::Result<Row> {
    let engine = ClickHouse::start(Options { life: ENGINE_LIFE, ..Options::default() }).await?;
    let mut running = system.start(&engine, case).await?;
    let in_flight = connections.unwrap_or_else(|| in_flight(case.records, system.has_spool()));
    let sender = Sender { address: running.address(case.transport), case: *case, pace: None, in_flight };
    let measured = phases(&engine, &running, sender, workload).await;
    running.check_running()?;
    let mut row = measured.map_err(|error| error.context(running.log_tail()))?;
    row.system = system;
    row.transforms = system.transforms(case);
    Ok(row)
}

/// Processor seconds of both sides up to now.
#[derive(Clone, Copy, Debug)]
struct Cpu {
    system: f64,
    clickhouse: f64,
}

impl Cpu {
    fn now(running: &Running, engine: &ClickHouse) -> anyhow::Result<Cpu> {
        let clickhouse = engine.pid().ok_or_else(|| anyhow::anyhow!("ClickHouse does not run"))?;
        Ok(Cpu { system: cost::cpu_seconds(running.pid())?, clickhouse: cost::cpu_seconds(clickhouse)? })
    }
}

async fn phases(engine: &ClickHouse, running: &Running, sender: Sender, workload: &Workload) -> anyhow::Result<Row> {
    let table = sender.case.signal.table();
    sender.send(&workload.warm).await?;
    let mut sent = rows(&workload.warm);
    stored::wait_for(engine, table, sent).await?;
    stored::wait_for_merges(engine).await?;

    let (before, parts_before) = (Cpu::now(running, engine)?, stored::inserted_parts(engine, table).await?);
    let start = Instant::now();
    let Sent { retries, .. } = sender.send(&workload.timed).await?;
    let timed = rows(&workload.timed);
    sent += timed;
    stored::wait_for(engine, table, sent).await?;
    let took = start.elapsed();
    let system = Cpu::now(running, engine)?.system - before.system;
    stored::wait_for_merges(engine).await?;
    let clickhouse = Cpu::now(running, engine)?.clickhouse - before.clickhouse;
    let parts = stored::inserted_parts(engine, table).await? - parts_before;
    // Before the last phase, so that it is of the saturated process.
    let peak_rss_mb = cost::peak_rss_mb(running.pid())?;

    let mut waits = Sender { pace: Some(workload.pace), ..sender }.send(&workload.paced).await?.waits;
    waits.sort_unstable();
    sent += rows(&workload.paced);
    let stored = stored::wait_for(engine, table, sent).await?;
    Ok(Row {
        case: sender.case,
        system: System::ClickstackCollector,
        transforms: true,
        rows_sent: sent,
        rows_stored: stored,
        collector_us_per_row: system * 1e6 / timed as f64,
        clickhouse_us_per_row: clickhouse * 1e6 / timed as f64,
        peak_rss_mb,
        ack_p50_ms: percentile(&waits, 50),
        ack_p99_ms: percentile(&waits, 99),
        rows_per_second: timed as f64 / took.as_secs_f64(),
        rows_per_part: timed as f64 / parts.max(1) as f64,
        retries,
        content: stored::content(engine, table).await?,
    })
}

fn rows(requests: &[Request]) -> usize {
    requests.iter().map(|request| request.rows).sum()
}

/// Milliseconds below which so many of a hundred are; none without waits.
fn percentile(sorted: &[Duration], of_hundred: usize) -> Option<f64> {
    let place = (sorted.len() * of_hundred).div_ceil(100).checked_sub(1)?;
    Some(sorted.get(place)?.as_secs_f64() * 1e3)
}
