//! Log files read by an agent with a spool: every line once, whenever it is killed.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crds::config::CollectorConfig;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::dice::Dice;

use crate::container_logs::{Pods, all_stored};
use crate::sent_again::{emptied, pause, spool};

const SEED: u64 = 20_261_128;
const KILLS: u32 = 16;
const PODS: [&str; 3] = ["cart", "pay", "ship"];
const RESUMED: &str = "clickstack_collector_container_log_resumed_batches_total";
const READ_AGAIN: &str = "clickstack_collector_container_log_read_again_batches_total";

/// Containers that write, and a kubelet that rotates and compresses, until told to stop.
struct Life {
    is_over: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<[u64; 3]>,
}

impl Life {
    fn start(pods: &Arc<Pods>) -> Life {
        let is_over = Arc::new(AtomicBool::new(false));
        let (pods, over) = (Arc::clone(pods), Arc::clone(&is_over));
        let task = tokio::spawn(async move {
            let (mut dice, mut written, mut rotated) = (Dice::new(SEED, 1), [0; 3], [const { Vec::new() }; 3]);
            for turn in 0_u64.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                for (index, pod) in PODS.iter().enumerate() {
                    let lines = 1 + dice.below(30);
                    let text = Pods::text(written[index]..written[index] + lines);
                    written[index] += lines;
                    // Also between the parts of a line.
                    let (begin, rest) = cut(&text, &mut dice);
                    pods.append(pod, begin);
                    if turn % 3 == index as u64 && dice.once_in(80) {
                        rotate(&pods, pod, &mut rotated[index]);
                    } else if dice.once_in(8) {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    pods.append(pod, rest);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            written
        });
        Life { is_over, task }
    }

    async fn end(self) -> [u64; 3] {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// Behind any of its lines.
fn cut<'a>(text: &'a str, dice: &mut Dice) -> (&'a str, &'a str) {
    let ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    text.split_at(dice.pick(&ends))
}

/// As the kubelet does it: the file gets another name, and the one rotated before is compressed.
fn rotate(pods: &Pods, pod: &str, rotated: &mut Vec<String>) {
    let time = format!("20261128-{:06}", rotated.len());
    pods.rotate(pod, &time);
    if let Some(before) = rotated.last() {
        let plain = pods.path(pod, &format!("0.log.{before}"));
        let beside = pods.path(pod, &format!("0.log.{before}.tmp"));
        let mut encoder = flate2::write::GzEncoder::new(File::create(&beside).unwrap(), flate2::Compression::fast());
        encoder.write_all(&fs::read(&plain).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::rename(beside, pods.path(pod, &format!("0.log.{before}.gz"))).unwrap();
        fs::remove_file(plain).unwrap();
    }
    rotated.push(time);
}

/// Rows of lines of the other stream, and how many there should be.
async fn asides(engine: &ClickHouse, written: [u64; 3]) -> (String, String) {
    let sql = "SELECT count(), uniqExact(ResourceAttributes['k8s.pod.name'], Body) FROM otel.otel_logs \
               WHERE Body LIKE 'aside%' FORMAT TSV";
    let wanted: u64 = written.iter().map(|lines| lines.div_ceil(10)).sum();
    (engine.query(sql).await.unwrap(), format!("{wanted}\t{wanted}"))
}

/// The rows of each pod, by their time, are the lines as they were written.
async fn in_order(engine: &ClickHouse) -> String {
    let sql = "SELECT pod, countIf(row != number) FROM (SELECT ResourceAttributes['k8s.pod.name'] AS pod, \
               toUInt64(LogAttributes['row']) AS row, \
               row_number() OVER (PARTITION BY pod ORDER BY Timestamp) - 1 AS number FROM otel.otel_logs \
               WHERE Body LIKE '{%') GROUP BY pod ORDER BY pod FORMAT TSV";
    engine.query(sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_with_a_spool_killed_again_and_again_while_logs_rotate_repeats_no_line_and_loses_none() {
    let (engine, folder) = (ClickHouse::start(Options::default()).await.unwrap(), tempfile::tempdir().unwrap());
    let mut gateway = Collector::gateway(&engine, spool(&folder.path().join("gateway"))).await.unwrap();
    let pods = Arc::new(Pods::new());
    let keep = spool(&folder.path().join("agent"));
    let change = |config: &mut CollectorConfig| {
        keep(config);
        config.receivers.container_logs = Some(pods.section());
    };
    let mut agent = Collector::agent_with(&gateway.grpc(), change).await.unwrap();
    let life = Life::start(&pods);
    let (mut dice, mut resumed, mut read_again) = (Dice::new(SEED, 0), 0.0, 0.0);
    for round in 0..KILLS {
        pause(&mut dice, 20..800).await;
        resumed += agent.metric(RESUMED).await.unwrap();
        read_again += agent.metric(READ_AGAIN).await.unwrap();
        agent.process().kill().unwrap();
        if round % 4 == 3 {
            gateway.process().kill().unwrap();
            pause(&mut dice, 0..200).await;
            gateway.start_again().await.unwrap();
        }
        pause(&mut dice, 0..200).await;
        agent.start_again().await.unwrap();
    }
    let written = life.end().await;
    let wanted: Vec<_> = PODS.iter().copied().zip(written).collect();
    all_stored(&engine, &wanted).await;
    emptied(&agent).await;
    emptied(&gateway).await;
    let stored = all_stored(&engine, &wanted).await;
    println!("{written:?} lines, {KILLS} kills, {resumed} batches found in the spool alone: {stored:?}");
    assert!(stored.iter().all(|pod| pod.rows == pod.lines), "{stored:?}");
    assert_eq!(in_order(&engine).await, "cart\t0\npay\t0\nship\t0");
    let (asides, wanted) = asides(&engine, written).await;
    assert_eq!(asides, wanted);
    assert!(resumed > 0.0, "every checkpoint was in time: the kills have shown nothing");
    assert_eq!(read_again, 0.0);
    assert!(agent.stop().await.unwrap().success());
}
