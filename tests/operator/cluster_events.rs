//! The role cluster as the operator makes it and with the rights it gets: Kubernetes' events through a gateway into
//! ClickHouse, once each, over hand-overs, a kill and a version the API server has forgotten.

use std::time::Duration;

use crds::config::{CollectorConfig, KubernetesApi};
use serde_json::{Value, json};
use tests::apiserver::{ApiServer, User};
use tests::clickhouse::{ClickHouse, Options};
use tests::cluster::Cluster;
use tests::collector::Collector;
use tests::wait::eventually;

use crate::rights::started;

const WITHIN: Duration = Duration::from_secs(60);
pub const RESOURCE: &str = "
apiVersion: clickstack.io/v1alpha1
kind: ClickStackCollector
metadata: {name: main, namespace: default}
spec: {clusterName: eu, clickhouse: {endpoint: 'http://c:8123'}, gateway: {}, cluster: {}}
";

/// As the kubelet makes them.
fn event(name: &str) -> String {
    let event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"},
        "type": "Warning", "reason": "BackOff", "action": "Restart", "note": format!("note of {name}"),
        "eventTime": "2026-11-24T16:27:03.000000Z", "reportingController": "kubelet", "reportingInstance": "node-1",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "cart", "uid": "u-1", "apiVersion": "v1"},
    });
    event.to_string()
}

fn happen(cluster: &Cluster, names: &[&str]) {
    for name in names {
        cluster.kubectl_with(&["create", "-f", "-"], &event(name)).unwrap();
    }
}

/// The operator's own document, for a collector that runs here and not in a pod.
pub async fn config(server: &ApiServer) -> CollectorConfig {
    let cluster = server.cluster(User::Admin);
    let maps = || cluster.json(&["configmaps", "--selector", "app.kubernetes.io/component=cluster"]);
    let text = eventually("there is a configuration", WITHIN, async || {
        let maps = maps().map_err(|error| format!("{error:#}"))?;
        maps["items"][0]["data"]["collector.yaml"].as_str().map(str::to_owned).ok_or_else(|| maps.to_string())
    })
    .await
    .unwrap();
    let mut config = CollectorConfig::from_yaml(&text).unwrap();
    let token = cluster.kubectl(&["create", "token", "main-cluster"]).unwrap();
    std::fs::write(server.path("cluster-token"), token).unwrap();
    config.kubernetes.as_mut().unwrap().api = Some(KubernetesApi {
        endpoint: server.url(),
        token_file: server.path("cluster-token").display().to_string(),
        ca_file: server.path("pki/apiserver.crt").display().to_string(),
    });
    config
}

fn lease(cluster: &Cluster) -> Value {
    cluster.json(&["lease", "main-cluster"]).unwrap_or_default()
}

async fn held(cluster: &Cluster, what: &str, is_held: bool) -> String {
    eventually(what, WITHIN, async || {
        let lease = lease(cluster);
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        if lease.is_object() && holder.is_empty() != is_held { Ok(holder) } else { Err(lease.to_string()) }
    })
    .await
    .unwrap()
}

/// Until the position is that of the last event or beyond it: then the next process goes on behind it.
async fn position_is_beyond(cluster: &Cluster, name: &str) {
    let event = cluster.json(&["events.v1.events.k8s.io", name]).unwrap();
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok());
    let version = number(&event["metadata"]["resourceVersion"]).unwrap();
    eventually("the position is written", WITHIN, async || {
        let lease = lease(cluster);
        let position = number(&lease["metadata"]["annotations"]["clickstack.io/events-position"]);
        if position >= Some(version) { Ok(()) } else { Err(format!("{version}: {lease}")) }
    })
    .await
    .unwrap();
}

async fn stored(engine: &ClickHouse, names: &[&str]) {
    let sql = "SELECT JSONExtractString(LogAttributes['object'], 'metadata', 'name') AS name, count() AS rows \
               FROM otel.otel_logs WHERE LogAttributes['k8s.resource.name'] = 'events' AND name LIKE 'e%' GROUP BY name \
               ORDER BY name FORMAT TSV";
    let expected: Vec<_> = names.iter().map(|name| format!("{name}\t1")).collect();
    eventually("each event is stored once", WITHIN, async || {
        let found = engine.query(sql).await.map_err(|error| format!("{error:#}"))?;
        if found.trim() == expected.join("\n") { Ok(()) } else { Err(found) }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_stored_once_each_over_hand_overs_and_a_kill() {
    let server = ApiServer::start().await.unwrap();
    let operator = started(&server).await;
    let cluster = server.cluster(User::Admin);
    happen(&cluster, &["e0"]);
    cluster.kubectl_with(&["apply", "-f", "-"], RESOURCE).unwrap();
    let config = config(&server).await;
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, |_| {}).await.unwrap();

    let one = Collector::cluster(config.clone(), &gateway.grpc()).await.unwrap();
    let first = held(&cluster, "one holds the lease", true).await;
    let two = Collector::cluster(config.clone(), &gateway.grpc()).await.unwrap();
    position_is_beyond(&cluster, "e0").await;
    happen(&cluster, &["e1", "e2"]);
    stored(&engine, &["e1", "e2"]).await;
    row(&engine).await;
    assert_eq!(two.metric("clickstack_collector_lease_held").await.unwrap(), 0.0, "the other stands by");

    assert!(one.stop().await.unwrap().success());
    happen(&cluster, &["e3"]);
    stored(&engine, &["e1", "e2", "e3"]).await;
    assert_ne!(held(&cluster, "the other holds it", true).await, first);
    assert!(two.stop().await.unwrap().success());
    held(&cluster, "nobody holds it", false).await;

    happen(&cluster, &["e4", "e5"]);
    let mut three = Collector::cluster(config.clone(), &gateway.grpc()).await.unwrap();
    stored(&engine, &["e1", "e2", "e3", "e4", "e5"]).await;
    position_is_beyond(&cluster, "e5").await;
    three.process().kill().unwrap();
    happen(&cluster, &["e6"]);
    let four = Collector::cluster(config, &gateway.grpc()).await.unwrap();
    stored(&engine, &["e1", "e2", "e3", "e4", "e5", "e6"]).await;
    assert!(four.stop().await.unwrap().success());
    operator.stop().await.unwrap();
}

/// As HyperDX looks for it, and as people do.
async fn row(engine: &ClickHouse) {
    let object = |path: &str| format!("JSONExtractString(LogAttributes['object'], {path})");
    let sql = format!(
        "SELECT SeverityText, Body, {}, {}, {}, LogAttributes['type'], ResourceAttributes['k8s.cluster.name'], \
         ResourceAttributes['k8s.namespace.name'], ResourceAttributes['k8s.object.uid'] \
         FROM otel.otel_logs WHERE LogAttributes['k8s.resource.name'] = 'events' AND LogAttributes['event.name'] = 'e1' \
         AND {} = 'u-1' FORMAT TSV",
        object("'type'"),
        object("'reason'"),
        object("'note'"),
        object("'regarding', 'uid'")
    );
    let expected = "warn\tnote of e1\tWarning\tBackOff\tnote of e1\tADDED\teu\tdefault\tu-1";
    assert_eq!(engine.query(&sql).await.unwrap().trim(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_may_read_what_its_receivers_ask_for_and_write_its_own_lease() {
    let server = ApiServer::start().await.unwrap();
    let operator = started(&server).await;
    let cluster = server.cluster(User::Admin);
    cluster.kubectl_with(&["apply", "-f", "-"], RESOURCE).unwrap();
    let me = "--as=system:serviceaccount:default:main-cluster";
    let may = |arguments: &[&str]| {
        let told = cluster.kubectl(&[&["auth", "can-i"], arguments, &[me]].concat());
        told.is_ok_and(|told| told.trim() == "yes")
    };
    eventually("it has its rights", WITHIN, async || {
        let reads = may(&["watch", "events.events.k8s.io", "-A"]);
        let writes = may(&["update", "leases.coordination.k8s.io/main-cluster"]);
        if reads && writes { Ok(()) } else { Err(format!("reads {reads}, writes {writes}")) }
    })
    .await
    .unwrap();
    let failures = operator.metric("clickstack_operator_reconcile_failures_total").await.unwrap();
    assert_eq!(failures, 0.0, "nothing is asked for before what it needs is there");
    for beyond in [
        &["update", "leases.coordination.k8s.io/other"][..],
        &["update", "leases.coordination.k8s.io/main-cluster", "-n", "kube-system"],
        &["delete", "leases.coordination.k8s.io/main-cluster"],
        &["list", "secrets"],
        &["create", "events.events.k8s.io"],
    ] {
        assert!(!may(beyond), "{beyond:?}");
    }
    cluster
        .kubectl(&[
            "patch",
            "clickstackcollector",
            "main",
            "--type=json",
            "-p",
            "[{\"op\":\"remove\",\"path\":\"/spec/cluster\"}]",
        ])
        .unwrap();
    eventually("a role that is removed takes its objects and its rights with it", WITHIN, async || {
        let kinds = "deployments,roles,rolebindings,serviceaccounts,configmaps";
        let selector = "app.kubernetes.io/component=cluster";
        let left = cluster.json(&[kinds, "--selector", selector]).map_err(|error| format!("{error:#}"))?;
        let is_gone = left["items"].as_array().is_some_and(Vec::is_empty);
        if is_gone && !may(&["watch", "events.events.k8s.io", "-A"]) { Ok(()) } else { Err(left.to_string()) }
    })
    .await
    .unwrap();
    operator.stop().await.unwrap();
}
