//! Gateways that keep deliveries on a volume of their own.

use std::time::Duration;

use tests::clickhouse::ClickHouse;
use tests::cluster::Namespace;
use tests::ledger::{Ledger, Mode};
use tests::otlp::{OtlpHttp, Rows};
use tests::wait::eventually;

use crate::cluster;

/// A volume of a node, made by hand, since no cluster of tests has a provisioner. It goes with the node.
struct Volume(&'static str);

impl Volume {
    fn create(namespace: &Namespace, name: &'static str) -> Volume {
        let (node, _) = namespace.cluster.nodes().unwrap().remove(0);
        let volume = format!(
            "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: {name}}}, spec: {{storageClassName: {name}, \
             capacity: {{storage: 2Gi}}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, \
             hostPath: {{path: /run/{name}, type: DirectoryOrCreate}}, nodeAffinity: {{required: {{nodeSelectorTerms: \
             [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{node}]}}]}}]}}}}}}}}"
        );
        namespace.apply(&volume).unwrap();
        Volume(name)
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let gone = ["delete", "persistentvolume", self.0, "--ignore-not-found", "--wait=false"];
        if let Err(error) = cluster().kubectl(&gone) {
            eprintln!("{error:#}");
        }
    }
}

/// The folder of a node is root's.
const AS_ROOT: &str =
    "podTemplate: {spec: {securityContext: {$patch: replace, runAsUser: 0, seccompProfile: {type: RuntimeDefault}}}}";

async fn stored_once(engine: &ClickHouse, ledger: &Ledger) {
    eventually("the rows are stored, each once", Duration::from_secs(90), async || {
        let account = ledger.check(engine, "otel.otel_logs").await.map_err(|error| format!("{error:#}"))?;
        println!("{account:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_a_gateway_keeps_on_its_claim_outlives_its_pod_and_an_outage_of_clickhouse() {
    let namespace = Namespace::create(cluster(), "e2e-spool").unwrap();
    let _volume = Volume::create(&namespace, "clickstack-e2e-spool");
    let mut engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    let spool = "spool: {size: 512Mi, volumeClaim: {storageClassName: clickstack-e2e-spool}}";
    let roles = format!("  gateway: {{replicas: 1, {spool}, {AS_ROOT}}}");
    namespace.apply(&namespace.resource(&engine, &roles)).unwrap();
    eventually("a StatefulSet alone runs the gateway", Duration::from_secs(90), async || {
        let workloads = namespace.kubectl(&["get", "deployments,statefulsets", "-o", "name"]);
        let workloads = workloads.map_err(|error| format!("{error:#}"))?;
        if workloads.trim() == "statefulset.apps/main-gateway" { Ok(()) } else { Err(workloads) }
    })
    .await
    .unwrap();
    namespace.wait_ready("90s").unwrap();

    engine.kill().unwrap();
    let gateway = namespace.pods("gateway").unwrap().remove(0);
    let (rows, mut ledger) = (Rows::new(&namespace.name, 1), Ledger::new(&namespace.name, Mode::ExactlyOnce));
    let answer = OtlpHttp::new(&format!("http://{}:4318", gateway.address)).send(&rows.request(0..500)).await;
    assert!(answer.is_accepted(), "the disk is enough for an answer: {answer:?}");
    ledger.enter(0..500, &answer);
    namespace.kubectl(&["delete", "pod", &gateway.name, "--grace-period=1"]).unwrap();
    engine.start_again().await.unwrap();
    stored_once(&engine, &ledger).await;
    namespace.wait_ready("90s").unwrap();
    assert_eq!(namespace.pods("gateway").unwrap().remove(0).name, gateway.name);
}

/// As `kubectl drain` does for each pod of a node.
fn evict(namespace: &Namespace, pod: &str) {
    let metadata = serde_json::json!({"name": pod, "namespace": namespace.name});
    let eviction = serde_json::json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", namespace.name);
    namespace.cluster.kubectl_with(&["create", "--raw", &path, "-f", "-"], &eviction.to_string()).unwrap();
}

#[tokio::test]
async fn gateways_evicted_and_scaled_down_in_an_outage_leave_their_rows_to_the_one_that_stays() {
    let namespace = Namespace::create(cluster(), "e2e-siblings").unwrap();
    let mut engine = namespace.clickhouse().await.unwrap();
    let roles = "  gateway: {replicas: 3, spool: {size: 512Mi}}\n  networkPolicy: {}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("90s").unwrap();

    engine.pause().unwrap();
    let gateways = namespace.pods("gateway").unwrap();
    let (rows, mut ledger) = (Rows::new(&namespace.name, 1), Ledger::new(&namespace.name, Mode::ExactlyOnce));
    for (gateway, first) in gateways.iter().zip([0, 500, 1_000]) {
        let sender = OtlpHttp::new(&format!("http://{}:4318", gateway.address));
        let answer = sender.send(&rows.request(first..first + 500)).await;
        assert!(answer.is_accepted(), "{answer:?}");
        ledger.enter(first..first + 500, &answer);
    }
    evict(&namespace, &gateways[0].name);
    gone(&namespace, &gateways[0].name).await;
    // Of those that are left, Kubernetes takes the ones that are not ready, and one that is.
    namespace.kubectl(&["patch", "clickstackcollector", "main", "--type=merge", "-p", ONE_GATEWAY]).unwrap();
    eventually("one of the first gateways is left", Duration::from_secs(90), async || {
        let left = namespace.pods("gateway").map_err(|error| format!("{error:#}"))?;
        let names: Vec<_> = left.iter().map(|pod| pod.name.as_str()).collect();
        let is_first = |name: &str| gateways.iter().any(|gateway| gateway.name == name);
        if names.len() == 1 && is_first(names[0]) { Ok(()) } else { Err(format!("{names:?}")) }
    })
    .await
    .unwrap();

    engine.resume().unwrap();
    stored_once(&engine, &ledger).await;
    namespace.wait_ready("90s").unwrap();
}

const ONE_GATEWAY: &str = r#"{"spec": {"gateway": {"replicas": 1}}}"#;

async fn gone(namespace: &Namespace, pod: &str) {
    eventually("the pod is gone", Duration::from_secs(90), async || {
        let left = namespace.kubectl(&["get", "pods", "-o", "name"]).map_err(|error| format!("{error:#}"))?;
        if left.contains(pod) { Err(left) } else { Ok(()) }
    })
    .await
    .unwrap();
}
