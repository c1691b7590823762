//! A few faults with a fixed seed: what is acknowledged is not lost, and what has a spool stores nothing twice. The long
//! runs are `make test-faults`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use tests::faults::{Dose, Entry, Fault, Pace, Run, System, run};

/// What a collector without optimisation takes with ease, on processors it shares with ClickHouse.
const PACE: Pace = Pace { senders: 12, rows_a_second: 2_500 };
const SEED: u64 = 20_261_124;

async fn promise_is_kept(system: System, fault: Fault, times: u32, length: Duration) -> Entry {
    let wanted = Run { system, fault, seed: SEED, dose: Dose { times, length }, pace: PACE };
    println!("{system:?} {fault:?} with seed {SEED}");
    let entry = run(&wanted).await.unwrap();
    let again = format!("cargo run -p tests --bin faults -- {wanted}");
    assert_eq!(entry.broken, Vec::<String>::new(), "{entry:?}\nagain: {again}");
    // A run in which nothing was stored shows nothing.
    assert!(entry.account.stored > 5_000, "{entry:?}");
    entry
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_killed_again_and_again_loses_nothing_and_stores_nothing_twice() {
    let entry = promise_is_kept(System::ClickstackCollector, Fault::Kill, 4, Duration::ZERO).await;
    assert_eq!(entry.kills, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_killed_while_clickhouse_is_away_replays_its_spool() {
    promise_is_kept(System::ClickstackCollector, Fault::KillInOutage, 2, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spool_a_killed_collector_has_answered_for_nothing_that_is_lost() {
    promise_is_kept(System::ClickstackCollectorMemory, Fault::Kill, 2, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_and_a_paused_clickhouse_lose_nothing_that_was_answered() {
    promise_is_kept(System::ClickstackCollector, Fault::ClickhouseKilled, 1, Duration::ZERO).await;
    promise_is_kept(System::ClickstackCollector, Fault::ClickhousePaused, 1, Duration::from_secs(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_whose_answer_is_lost_is_stored_once() {
    promise_is_kept(System::ClickstackCollector, Fault::ResetAfterBody, 1, Duration::from_secs(6)).await;
}
