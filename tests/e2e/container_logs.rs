//! The logs of real pods from a real kubelet's files: every line with its pod, over rotations, a killed agent and a
//! gateway that is replaced.

use std::time::Duration;

use serde::Deserialize;
use tests::clickhouse::ClickHouse;
use tests::cluster::Namespace;
use tests::wait::eventually;

use crate::cluster;

/// Lines a pod writes; with what the runtime adds they are some 24 MB, so the kubelet rotates them at 10 MiB.
const LINES: u64 = 120_000;

/// 5,000 lines a second wait at most 2 s for the block they are in, when an agent and when a gateway is killed.
const REPEATED: u64 = 2 * 2 * 5_000;

/// Pauses make the writing last over several of the kubelet's looks, which are 10 s apart.
const WRITERS: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: writer}
spec:
  replicas: 2
  selector: {matchLabels: {app: writer}}
  template:
    metadata: {labels: {app: writer, tier: front}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: main
          image: localhost/busybox:1
          command:
            - sh
            - -c
            - |
              text=$(printf '%0140d' 0); i=0
              while [ $i -lt LINES ]; do
                echo "{\"row\":$i,\"text\":\"$text\"}"
                i=$((i+1))
                [ $((i % 400)) -eq 0 ] && usleep 80000
              done
              sleep 3600
"#;

#[derive(Debug, Deserialize)]
struct Stored {
    pod: String,
    rows: u64,
    lines: u64,
    /// Lines that stand before the one that was written before them.
    disordered: u64,
}

async fn stored(engine: &ClickHouse) -> anyhow::Result<Vec<Stored>> {
    let sql = "SELECT pod, count() AS rows, uniqExact(row) AS lines, countIf(row < before) AS disordered \
               FROM (SELECT ResourceAttributes['k8s.pod.name'] AS pod, toUInt64(LogAttributes['row']) AS row, \
               LogAttributes['log.file.path'] AS file, \
               lagInFrame(row) OVER (PARTITION BY pod ORDER BY Timestamp, row ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before \
               FROM otel.otel_logs WHERE ResourceAttributes['k8s.container.name'] = 'main' AND mapContains(LogAttributes, 'row')) \
               GROUP BY pod ORDER BY pod SETTINGS output_format_json_quote_64bit_integers = 0";
    engine.query_rows(sql).await
}

async fn until(engine: &ClickHouse, what: &str, lines: u64, bound: Duration) -> Vec<Stored> {
    eventually(what, bound, async || {
        let stored = stored(engine).await.map_err(|error| format!("{error:#}"))?;
        let is_there = stored.len() == 2 && stored.iter().all(|pod| pod.lines >= lines);
        if is_there { Ok(stored) } else { Err(format!("{stored:?}")) }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn every_line_of_real_pods_is_stored_with_its_workload_over_rotations_a_kill_and_a_new_gateway() {
    let namespace = Namespace::create(cluster(), "e2e-container-logs").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let roles = "  clusterName: test\n  gateway: {replicas: 1}\n  agent: {hostPort: false, \
                 containerLogs: {namespaces: {include: [e2e-container-logs]}}, kubernetesAttributes: {labels: [tier]}}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("120s").unwrap();
    let writers = WRITERS.replace("LINES", &LINES.to_string());
    namespace.cluster.kubectl_with(&["--namespace", &namespace.name, "apply", "-f", "-"], &writers).unwrap();

    until(&engine, "lines come", 10_000, Duration::from_secs(120)).await;
    for agent in namespace.pods("agent").unwrap() {
        agent.kill().unwrap();
    }
    let before = stored(&engine).await.unwrap().iter().map(|pod| pod.lines).max().unwrap();
    until(&engine, "lines come after the kill", before + 10_000, Duration::from_secs(120)).await;
    let gateway = namespace.pods("gateway").unwrap().remove(0);
    namespace.kubectl(&["delete", "pod", &gateway.name, "--wait=false", "--grace-period=1"]).unwrap();
    let stored = until(&engine, "every line is stored", LINES, Duration::from_secs(240)).await;
    println!("{stored:?}");
    for pod in &stored {
        assert_eq!((pod.lines, pod.disordered), (LINES, 0), "{pod:?}");
        assert!(pod.rows < LINES + REPEATED, "only what was not answered for is repeated: {pod:?}");
    }
    attributes(&namespace, &engine, &stored).await;
}

/// What a row says of its pod, against what the API server says of it.
async fn attributes(namespace: &Namespace, engine: &ClickHouse, stored: &[Stored]) {
    for pod in stored {
        let object = namespace.json(&["pod", &pod.pod]).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let id = text(&object["status"]["containerStatuses"][0]["containerID"]);
        let expected = [
            ("k8s.pod.uid", text(&object["metadata"]["uid"])),
            ("k8s.node.name", text(&object["spec"]["nodeName"])),
            ("k8s.namespace.name", namespace.name.clone()),
            ("k8s.cluster.name", "test".to_owned()),
            ("k8s.deployment.name", "writer".to_owned()),
            ("k8s.pod.label.tier", "front".to_owned()),
            ("service.name", "writer".to_owned()),
            ("service.namespace", namespace.name.clone()),
            ("container.image.tag", "1".to_owned()),
            ("container.id", id.split_once("://").unwrap().1.to_owned()),
        ];
        for (name, value) in expected {
            let sql = format!(
                "SELECT uniqExact(ResourceAttributes['{name}']), any(ResourceAttributes['{name}']) FROM otel.otel_logs \
                 WHERE ResourceAttributes['k8s.pod.name'] = '{}' AND ResourceAttributes['{name}'] != '' FORMAT TSV",
                pod.pod
            );
            assert_eq!(engine.query(&sql).await.unwrap(), format!("1\t{value}"), "{name} of {}", pod.pod);
        }
        let sql = format!(
            "SELECT countIf(ResourceAttributes['k8s.deployment.name'] = '') FROM otel.otel_logs \
             WHERE ResourceAttributes['k8s.pod.name'] = '{}'",
            pod.pod
        );
        assert_eq!(engine.query(&sql).await.unwrap(), "0", "every row knows its workload");
    }
}
