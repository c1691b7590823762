//! A node's log files through agent and gateway into ClickHouse: every line, with its container, over rotations, kills
//! and outages.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crds::config::ContainerLogs;
use serde::Deserialize;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::wait::eventually;

/// A folder as the kubelet has it.
pub(crate) struct Pods(tempfile::TempDir);

impl Pods {
    pub(crate) fn new() -> Pods {
        Pods(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, pod: &str, file: &str) -> PathBuf {
        self.0.path().join("pods").join(format!("shop_{pod}_uid-{pod}/main/{file}"))
    }

    /// Numbered lines, every tenth in two parts with a line of the other stream in between.
    pub(crate) fn text(numbers: Range<u64>) -> String {
        let mut text = String::new();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 86_400;
        for number in numbers {
            let time = format!("{:02}:{:02}:{:02}.{number:09}", now / 3600, now / 60 % 60, now % 60);
            let time = format!("2026-11-24T{time}Z");
            if number % 10 == 0 {
                let _ = write!(
                    text,
                    "{time} stdout P {{\"row\":\n{time} stderr F aside {number}\n{time} stdout F {number}}}\n"
                );
            } else {
                let _ = writeln!(text, "{time} stdout F {{\"row\":{number}}}");
            }
        }
        text
    }

    fn write(&self, pod: &str, numbers: Range<u64>) {
        self.append(pod, &Pods::text(numbers));
    }

    pub(crate) fn append(&self, pod: &str, text: &str) {
        let path = self.path(pod, "0.log");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn rotate(&self, pod: &str, time: &str) {
        fs::rename(self.path(pod, "0.log"), self.path(pod, &format!("0.log.{time}"))).unwrap();
    }

    /// Waits until the position on the disk is the file's end.
    async fn answered_for(&self, pod: &str) {
        let file = self.0.path().join("state/container-logs.json");
        eventually("all is answered for", Duration::from_secs(60), async || {
            let length = fs::metadata(self.path(pod, "0.log")).unwrap().len();
            let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
            let positions: serde_json::Value = serde_json::from_str(&text).unwrap();
            let files = positions["files"].as_array().unwrap();
            let is_all = files.iter().any(|entry| entry["file"] == "0.log" && entry["offset"] == length);
            if is_all { Ok(()) } else { Err(text) }
        })
        .await
        .unwrap();
    }

    /// What an agent is told of it.
    pub(crate) fn section(&self) -> ContainerLogs {
        let section = serde_json::json!({
            "directory": self.0.path().join("pods"), "stateDirectory": self.0.path().join("state"),
            "startAt": "beginning",
        });
        serde_json::from_value(section).unwrap()
    }

    async fn agent(&self, gateway: &str) -> Collector {
        let section = self.section();
        Collector::agent_with(gateway, |config| config.receivers.container_logs = Some(section)).await.unwrap()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    pod: String,
    pub(crate) rows: u64,
    pub(crate) lines: u64,
}

/// How many rows and how many different lines of each pod there are.
async fn stored(engine: &ClickHouse) -> Vec<Stored> {
    let sql = "SELECT ResourceAttributes['k8s.pod.name'] AS pod, count() AS rows, uniqExact(LogAttributes['row']) AS lines \
               FROM otel.otel_logs WHERE Body LIKE '{%' GROUP BY pod ORDER BY pod \
               SETTINGS output_format_json_quote_64bit_integers = 0";
    engine.query_rows(sql).await.unwrap()
}

pub(crate) async fn all_stored(engine: &ClickHouse, lines: &[(&str, u64)]) -> Vec<Stored> {
    eventually("every line is stored", Duration::from_secs(60), async || {
        let stored = stored(engine).await;
        let is_all = lines.iter().all(|(pod, lines)| stored.iter().any(|row| row.pod == *pod && row.lines == *lines));
        if is_all { Ok(stored) } else { Err(format!("{stored:?}")) }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn every_line_of_the_nodes_containers_is_stored_once_with_its_container() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let pods = Pods::new();
    pods.write("cart", 0..2_000);
    let agent = pods.agent(&gateway.grpc()).await;
    pods.write("pay", 0..500);
    pods.write("cart", 2_000..3_000);
    pods.rotate("cart", "20261124-101500");
    pods.write("cart", 3_000..4_000);
    let stored = all_stored(&engine, &[("cart", 4_000), ("pay", 500)]).await;
    assert!(stored.iter().all(|pod| pod.rows == pod.lines), "{stored:?}");

    let sql = "SELECT DISTINCT ResourceAttributes['k8s.namespace.name'], ResourceAttributes['k8s.pod.uid'], \
               ResourceAttributes['k8s.container.name'], LogAttributes['log.iostream'], \
               splitByString('/main/', LogAttributes['log.file.path'])[2] FROM otel.otel_logs \
               WHERE ResourceAttributes['k8s.pod.name'] = 'pay' ORDER BY ALL FORMAT TSV";
    let told = engine.query(sql).await.unwrap();
    assert_eq!(told, "shop\tuid-pay\tmain\tstderr\t0.log\nshop\tuid-pay\tmain\tstdout\t0.log");
    assert!(agent.stop().await.unwrap().success());
}

#[tokio::test]
async fn an_agent_killed_while_logs_rotate_loses_no_line_and_repeats_only_what_was_not_answered() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let pods = Pods::new();
    let (mut written, mut unanswered) = (0, 0);
    for turn in 0..4_u64 {
        let mut agent = pods.agent(&gateway.grpc()).await;
        for _ in 0..5 {
            pods.write("cart", written..written + 2_000);
            written += 2_000;
        }
        pods.answered_for("cart").await;
        pods.write("cart", written..written + 2_000);
        agent.process().kill().unwrap();
        pods.rotate("cart", &format!("20261124-10150{turn}"));
        pods.write("cart", written + 2_000..written + 3_000);
        (written, unanswered) = (written + 3_000, unanswered + 2_000);
    }
    let agent = pods.agent(&gateway.grpc()).await;
    let stored = all_stored(&engine, &[("cart", written)]).await;
    let repeated = stored[0].rows - stored[0].lines;
    println!("{written} lines, 4 kills, {repeated} repeated");
    assert!(repeated <= unanswered, "{stored:?}");
    assert!(agent.stop().await.unwrap().success());
}

#[tokio::test]
async fn lines_wait_in_their_files_while_the_gateway_is_away() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();
    let (endpoint, config) = (gateway.grpc(), gateway.config.clone());
    let pods = Pods::new();
    pods.write("cart", 0..100);
    let agent = pods.agent(&endpoint).await;
    all_stored(&engine, &[("cart", 100)]).await;
    assert!(gateway.stop().await.unwrap().success());
    pods.write("cart", 100..20_000);
    eventually("batches are tried again", Duration::from_secs(30), async || {
        let held = agent.metric("clickstack_collector_container_log_held_batches ").await.unwrap();
        let behind = agent.metric("clickstack_collector_container_log_behind_bytes ").await.unwrap();
        if held >= 1.0 && behind > 0.0 { Ok(()) } else { Err(format!("{held} {behind}")) }
    })
    .await
    .unwrap();
    let _gateway = Collector::gateway(&engine, |again| again.receivers.otlp = config.receivers.otlp).await.unwrap();
    let stored = all_stored(&engine, &[("cart", 20_000)]).await;
    assert_eq!(stored[0].rows, 20_000, "nothing was sent twice");
    assert!(agent.stop().await.unwrap().success());
}
