//! What a collector with a spool sends again is stored once, whoever was killed meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crds::config::CollectorConfig;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::dice::Dice;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{Answer, OtlpGrpc, OtlpHttp, Rows};
use tests::proxy::{Proxy, Wrong};
use tests::wait::eventually;
use tokio::task::JoinSet;

use crate::hand_over::stored;

const SEED: u64 = 20_261_127;
/// Rows of a request.
const ROWS: u64 = 40;
const KNOWN: &str = "clickstack_collector_spool_known_deliveries_total";

pub(crate) fn spool(directory: &Path) -> impl FnOnce(&mut CollectorConfig) + use<> {
    let section = serde_json::json!({"directory": directory, "size": "64Mi"});
    let spool = serde_json::from_value(section).unwrap();
    move |config| {
        config.spool = Some(spool);
        config.limits.request_bytes = Some("4Mi".parse().unwrap());
    }
}

pub(crate) async fn emptied(collector: &Collector) {
    eventually("the spool is empty", Duration::from_secs(60), async || {
        let left = collector.metric("clickstack_collector_spool_waiting_deliveries").await.unwrap_or(f64::NAN);
        if left == 0.0 { Ok(()) } else { Err(left.to_string()) }
    })
    .await
    .unwrap();
}

/// Senders that never send anything again: a row that is stored twice was sent twice by a collector.
struct Load {
    is_over: Arc<AtomicBool>,
    senders: JoinSet<Vec<(u64, Answer)>>,
}

impl Load {
    fn start(agent: &Collector, rows: &Rows, senders: u32) -> Self {
        let (is_over, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let sender = |_| {
            let (is_over, next, rows) = (Arc::clone(&is_over), Arc::clone(&next), rows.clone());
            let sender = OtlpHttp::new(&agent.http());
            async move {
                let mut answers = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let first = next.fetch_add(ROWS, Ordering::Relaxed);
                    let answer = sender.send(&rows.request(first..first + ROWS)).await;
                    let is_accepted = answer.is_accepted();
                    answers.push((first, answer));
                    // Load, and not all that the processors can do.
                    tokio::time::sleep(Duration::from_millis(if is_accepted { 5 } else { 50 })).await;
                }
                answers
            }
        };
        let senders = (0..senders).map(sender).collect();
        Self { is_over, senders }
    }

    async fn end(self, ledger: &mut Ledger) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let mut accepted = 0;
        for (first, answer) in self.senders.join_all().await.into_iter().flatten() {
            accepted += u64::from(answer.is_accepted()) * ROWS;
            ledger.enter(first..first + ROWS, &answer);
        }
        accepted
    }
}

pub(crate) async fn pause(dice: &mut Dice, millis: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(millis.start + dice.below(millis.end - millis.start))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_and_its_gateway_killed_again_and_again_under_load_store_every_row_once() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let mut gateway = Collector::gateway(&engine, spool(&folder.path().join("gateway"))).await.unwrap();
    let mut agent = Collector::agent_with(&gateway.grpc(), spool(&folder.path().join("agent"))).await.unwrap();
    let (rows, mut ledger) = (Rows::new("killed", 1), Ledger::new("killed", Mode::ExactlyOnce));
    let (load, mut dice, mut known) = (Load::start(&agent, &rows, 8), Dice::new(SEED, 0), 0.0);
    for round in 0..12 {
        pause(&mut dice, 100..700).await;
        if round % 3 != 0 {
            agent.process().kill().unwrap();
        }
        if round % 3 != 1 {
            known += gateway.metric(KNOWN).await.unwrap();
            gateway.process().kill().unwrap();
            pause(&mut dice, 0..200).await;
            gateway.start_again().await.unwrap();
        }
        if round % 3 != 0 {
            agent.start_again().await.unwrap();
        }
    }
    pause(&mut dice, 300..500).await;
    let accepted = load.end(&mut ledger).await;
    emptied(&agent).await;
    emptied(&gateway).await;
    let account = ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert!(accepted > 4_000 && account.stored >= accepted, "{accepted} rows accepted, {account:?}");
    known += gateway.metric(KNOWN).await.unwrap();
    assert!(known > 0.0, "nothing was sent again: the kills have shown nothing");
    println!("{accepted} rows accepted, {account:?}, {known} deliveries sent again");
    assert!(agent.stop().await.unwrap().success());
    assert!(gateway.stop().await.unwrap().success());
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_costs_a_resend_and_no_row_twice() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let gateway = Collector::gateway(&engine, spool(&folder.path().join("gateway"))).await.unwrap();
    let proxy = Proxy::start(gateway.config.receivers.otlp.grpc).await.unwrap();
    let endpoint = format!("http://{}", proxy.address);
    let agent = Collector::agent_with(&endpoint, spool(&folder.path().join("agent"))).await.unwrap();
    let (rows, mut ledger) = (Rows::new("lost", 1), Ledger::new("lost", Mode::ExactlyOnce));
    proxy.set(Wrong::ResetsAfterBody(3)).await.unwrap();
    let sender = OtlpHttp::new(&agent.http());
    for first in (0..1_000).step_by(100) {
        let answer = sender.send(&rows.request(first..first + 100)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first..first + 100, &answer);
    }
    emptied(&agent).await;
    stored(&engine, 1_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert!(proxy.broken() > 0 && gateway.metric(KNOWN).await.unwrap() > 0.0, "no answer was lost");
}

#[tokio::test]
async fn what_a_gateway_has_kept_under_a_name_it_does_not_take_again() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let mut gateway = Collector::gateway(&engine, spool(&folder.path().join("gateway"))).await.unwrap();
    let rows = Rows::new("named", 1);
    let name = |seq: u64, floor: u64| format!("{:032x}-{seq:x}-{floor:x}", 7);
    let taken = async |gateway: &Collector, first: u64, name: String| {
        let sender = OtlpGrpc::new(&gateway.grpc()).unwrap();
        let answer = sender.send_named(&rows.request(first..first + 10), &name).await;
        assert!(answer.is_accepted(), "{answer:?}");
    };
    // At once, as where the answer to the first comes too late.
    tokio::join!(taken(&gateway, 0, name(0, 0)), taken(&gateway, 0, name(0, 0)), taken(&gateway, 0, name(0, 0)));
    taken(&gateway, 10, name(1, 0)).await;
    assert_eq!(gateway.metric(KNOWN).await.unwrap(), 2.0);
    gateway.process().kill().unwrap();
    gateway.start_again().await.unwrap();
    gateway.ready().await.unwrap();
    taken(&gateway, 10, name(1, 0)).await;
    taken(&gateway, 0, name(0, 0)).await;
    assert_eq!(gateway.metric(KNOWN).await.unwrap(), 2.0);
    // Answered by another gateway, and late.
    taken(&gateway, 20, name(9, 12)).await;
    // No name of ours: two requests that are alike are two requests.
    taken(&gateway, 30, "9".to_owned()).await;
    taken(&gateway, 30, "9".to_owned()).await;
    stored(&engine, 40).await;
    let counted = engine
        .query("SELECT toUInt64(LogAttributes['row.id']) < 20, count() FROM otel.otel_logs GROUP BY 1 ORDER BY 1");
    assert_eq!(counted.await.unwrap(), "0\t20\n1\t20");
    assert!(gateway.stop().await.unwrap().success());
}

const TWICE: &str = "clickstack_collector_forwarded_deliveries_may_be_stored_twice_total";

async fn send(agent: &Collector, rows: &Rows, numbers: std::ops::Range<u64>, ledger: &mut Ledger) {
    let sender = OtlpHttp::new(&agent.http());
    for first in numbers.step_by(100) {
        let answer = sender.send(&rows.request(first..first + 100)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first..first + 100, &answer);
    }
}

/// An agent and two gateways, of which the second has taken the first one's place and address: nine deliveries are with
/// the first, which has ended, and the agent does not know.
struct Moved {
    first: Collector,
    second: Collector,
    agent: Collector,
    _proxy: Proxy,
    _folder: tempfile::TempDir,
}

impl Moved {
    async fn set(engine: &ClickHouse, rows: &Rows, ledger: &mut Ledger, patience: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Collector::gateway(engine, spool(&folder.path().join("first"))).await.unwrap();
        let address = first.config.receivers.otlp.grpc;
        let proxy = Proxy::start(address).await.unwrap();
        let keep = spool(&folder.path().join("agent"));
        let change = |config: &mut CollectorConfig| {
            keep(config);
            config.forward.as_mut().unwrap().same_gateway_for = patience.parse().unwrap();
        };
        let agent = Collector::agent_with(&format!("http://{}", proxy.address), change).await.unwrap();
        send(&agent, rows, 0..100, ledger).await;
        // A spool is empty before it counts what it was given, too.
        stored(engine, 100).await;
        emptied(&agent).await;
        proxy.set(Wrong::ResetsAfterBody(1)).await.unwrap();
        send(&agent, rows, 100..1_000, ledger).await;
        stored(engine, 1_000).await;
        proxy.set(Wrong::Refuses).await.unwrap();
        first.process().kill().unwrap();
        let keep = spool(&folder.path().join("second"));
        let change = |config: &mut CollectorConfig| {
            keep(config);
            config.receivers.otlp.grpc = address;
        };
        let second = Collector::gateway(engine, change).await.unwrap();
        proxy.set(Wrong::Nothing).await.unwrap();
        Self { first, second, agent, _proxy: proxy, _folder: folder }
    }
}

#[tokio::test]
async fn what_a_gateway_may_have_waits_for_it_and_everything_else_goes_to_another() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let (rows, mut ledger) = (Rows::new("moved", 1), Ledger::new("moved", Mode::ExactlyOnce));
    let mut moved = Moved::set(&engine, &rows, &mut ledger, "5m").await;
    send(&moved.agent, &rows, 1_000..2_000, &mut ledger).await;
    stored(&engine, 2_000).await;
    // Whom it has sent to outlives the agent.
    moved.agent.process().kill().unwrap();
    moved.agent.start_again().await.unwrap();
    send(&moved.agent, &rows, 2_000..3_000, &mut ledger).await;
    stored(&engine, 3_000).await;
    let waiting = moved.agent.metric("clickstack_collector_spool_waiting_deliveries").await.unwrap();
    assert!(waiting >= 9.0, "{waiting} wait");
    assert!(moved.second.stop().await.unwrap().success());
    moved.first.start_again().await.unwrap();
    emptied(&moved.agent).await;
    stored(&engine, 3_000).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
    assert_eq!(moved.agent.metric(TWICE).await.unwrap(), 0.0);
    assert!(moved.first.metric(KNOWN).await.unwrap() >= 9.0);
}

#[tokio::test]
async fn a_gateway_that_does_not_come_back_is_waited_for_as_long_as_is_said_and_then_it_is_counted() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let (rows, mut ledger) = (Rows::new("gone", 1), Ledger::new("gone", Mode::AtLeastOnce));
    let moved = Moved::set(&engine, &rows, &mut ledger, "2s").await;
    emptied(&moved.agent).await;
    assert_eq!(moved.agent.metric(TWICE).await.unwrap(), 9.0);
    stored(&engine, 1_900).await;
    ledger.check(&engine, "otel.otel_logs").await.unwrap();
}
