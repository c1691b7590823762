//! What is sent: comes in a case and a seed, goes out every request of it, encoded before any clock starts. Must not
//! make one request twice: repeats would flatter every compressor on the way.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::cases::{Case, Signal};

mod logs;
mod metrics;
mod shared;
mod traces;
mod wire;

use ::tests::dice::Dice;

/// Between the times of two rows that follow each other: a hundred thousand rows a second.
const ROW_NANOS: u64 = 10_000;
const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

/// Rows before the measured ones, as a part of them: connections, buffers and the first insert are not what is asked.
const WARM_PART: usize = 5;
/// The fixed rate, in rows a second, and for how long: a fraction of what every system here can take.
const PACED_ROWS_A_SECOND: usize = 20_000;
const PACED_REQUESTS_A_SECOND: usize = 100;
const PACED_SECONDS: usize = 6;

/// One request, as it goes onto the wire.
#[derive(Clone, Debug)]
pub struct Request {
    pub body: Bytes,
    pub rows: usize,
}

/// The requests of one case, by phase.
#[derive(Debug)]
pub struct Workload {
    pub warm: Vec<Request>,
    pub timed: Vec<Request>,
    pub paced: Vec<Request>,
    /// Requests a second of the last phase.
    pub pace: f64,
}

impl Workload {
    pub fn make(case: &Case, rows: usize, seed: u64, has_paced: bool) -> anyhow::Result<Workload> {
        let timed = rows.div_ceil(case.records).max(1);
        let warm = timed.div_ceil(WARM_PART);
        let pace = pace(case.records);
        let paced = if has_paced { (pace * PACED_SECONDS as f64).ceil() as usize } else { 0 };
        let start = start_nanos((warm + timed + paced) * case.records);
        let request = |index: usize| -> anyhow::Result<Request> {
            let first = (index * case.records) as u64;
            let message = message(case.signal, &mut Dice::new(seed, first), start + first * ROW_NANOS, case.records);
            Ok(Request { body: wire::encoded(case, message)?, rows: case.records })
        };
        let phase = |numbers: std::ops::Range<usize>| numbers.map(request).collect::<anyhow::Result<Vec<_>>>();
        Ok(Workload {
            warm: phase(0..warm)?,
            timed: phase(warm..warm + timed)?,
            paced: phase(warm + timed..warm + timed + paced)?,
            pace,
        })
    }
}

fn pace(records: usize) -> f64 {
    (PACED_ROWS_A_SECOND as f64 / records as f64).min(PACED_REQUESTS_A_SECOND as f64)
}

/// The time of the first row: a minute ago, moved so that all rows are of one day, since blocks are of one day.
fn start_nanos(rows: usize) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let day = now / DAY * DAY;
    let last_start = day + DAY - SECOND - rows as u64 * ROW_NANOS;
    now.saturating_sub(60 * SECOND).clamp(day, last_start)
}

fn message(signal: Signal, dice: &mut Dice, nanos: u64, records: usize) -> Vec<u8> {
    match signal {
        Signal::Logs | Signal::JsonLogs | Signal::Sessions => logs::message(signal, dice, nanos, records),
        Signal::Traces => traces::message(dice, nanos, records),
        _ => metrics::message(signal, dice, nanos, records),
    }
}

#[cfg(test)]
mod tests;
