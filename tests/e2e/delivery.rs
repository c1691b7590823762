//! Rows from senders through agents and gateways into ClickHouse, with and without trouble on the way.

use std::time::{Duration, Instant};

use tests::clickhouse::ClickHouse;
use tests::cluster::Namespace;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::senders::{Protocol, SIGNALS, Sdk, Sending};
use tests::wait::eventually;

use crate::cluster;

const TABLE: &str = "otel.otel_logs";

async fn running(name: &str, roles: &str) -> (Namespace, ClickHouse) {
    let namespace = Namespace::create(cluster(), name).unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("90s").unwrap();
    (namespace, engine)
}

#[tokio::test]
async fn rows_sent_to_the_agent_of_either_node_by_real_sdks_arrive_exactly_once() {
    let (namespace, engine) = running("e2e-sdk", "  gateway: {}\n  agent: {hostPort: false}").await;
    let (nodes, agents) = (namespace.cluster.nodes().unwrap(), namespace.pods("agent").unwrap());
    assert!(nodes.iter().all(|(node, _)| agents.iter().any(|agent| agent.node == *node)), "an agent on every node");
    for agent in &agents {
        for (sdk, protocol, port) in [
            (Sdk::Python, Protocol::Grpc, 4317),
            (Sdk::Node, Protocol::HttpJson, 4318),
            (Sdk::Java, Protocol::HttpProtobuf, 4318),
        ] {
            let run_id = &format!("{}-{sdk:?}", agent.node);
            let sending = Sending {
                sdk,
                protocol,
                endpoint: &format!("http://{}:{port}", agent.address),
                signals: SIGNALS,
                run_id,
                service: "shop",
                first: 0,
                count: 600,
                start_unix_nanos: Rows::new(run_id, 0).start_unix_nanos,
            };
            sending.run().unwrap();
            sending.check(&engine, "otel").await.unwrap();
        }
    }
}

/// Sends until told, entering every answer; a sender repeats what it may repeat.
async fn send_for(namespace: &Namespace, ledger: &mut Ledger, time: Duration) {
    let agent = namespace.pods("agent").unwrap().remove(0);
    let (rows, sender) = (Rows::new(&namespace.name, 1), OtlpHttp::new(&format!("http://{}:4318", agent.address)));
    let end = Instant::now() + time;
    let mut next = 0;
    while Instant::now() < end {
        let requests: Vec<_> = (0..4).map(|lane| next + lane * 100..next + (lane + 1) * 100).collect();
        next += 400;
        let answers = futures::future::join_all(requests.iter().map(|numbers| {
            let (request, sender) = (rows.request(numbers.clone()), &sender);
            async move { sender.send(&request).await }
        }));
        for (numbers, answer) in requests.into_iter().zip(answers.await) {
            assert!(
                answer.is_accepted() || answer.is_retryable(),
                "the sender sees only retryable answers: {answer:?}"
            );
            ledger.enter(numbers, &answer);
        }
    }
    recovered(&sender, &rows, next, ledger).await;
}

async fn recovered(sender: &OtlpHttp, rows: &Rows, next: u64, ledger: &mut Ledger) {
    eventually("rows are taken again", Duration::from_secs(30), async || {
        let answer = sender.send(&rows.request(next..next + 10)).await;
        ledger.enter(next..next + 10, &answer);
        if answer.is_accepted() { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_gateway_pod_deleted_under_load_loses_no_row_that_was_answered_ok() {
    let (namespace, engine) = running("e2e-gateway-deleted", "  gateway: {}\n  agent: {hostPort: false}").await;
    let mut ledger = Ledger::new(&namespace.name, Mode::AtLeastOnce);
    let victims = namespace.pods("gateway").unwrap();
    let deletion = async {
        for (victim, grace) in victims.iter().zip(["--grace-period=30", "--grace-period=1"]) {
            tokio::time::sleep(Duration::from_secs(3)).await;
            namespace.kubectl(&["delete", "pod", &victim.name, "--wait=false", grace]).unwrap();
        }
    };
    tokio::join!(send_for(&namespace, &mut ledger, Duration::from_secs(12)), deletion);
    let account = ledger.check(&engine, TABLE).await.unwrap();
    assert!(account.stored > 1_000, "{account:?}");
    println!("{account:?}");
}

#[tokio::test]
async fn clickhouse_killed_and_restarted_loses_no_row_that_was_answered_ok() {
    let (namespace, mut engine) = running("e2e-clickhouse-killed", "  gateway: {}\n  agent: {hostPort: false}").await;
    let mut ledger = Ledger::new(&namespace.name, Mode::AtLeastOnce);
    let outage = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        engine.kill().unwrap();
        tokio::time::sleep(Duration::from_secs(8)).await;
        engine.start_again().await.unwrap();
    };
    tokio::join!(send_for(&namespace, &mut ledger, Duration::from_secs(18)), outage);
    let account = ledger.check(&engine, TABLE).await.unwrap();
    assert!(account.stored > 1_000, "{account:?}");
    println!("{account:?}");
    for pod in namespace.pods("gateway").unwrap() {
        assert!(pod.is_ready, "{pod:?}: an outage of ClickHouse takes no gateway away");
    }
}
