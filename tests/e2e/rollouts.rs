//! What replaces pods, what does not, and who decides how many there are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use tests::cluster::Namespace;
use tests::http::Http;
use tests::otlp::Rows;
use tests::wait::eventually;

use crate::cluster;

/// The promise for a changed Secret.
const REACHES_PODS_WITHIN: Duration = Duration::from_secs(15);

/// A block's age and an insert take less than half of it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands on")]
fn told(error: anyhow::Error) -> String {
    format!("{error:#}")
}

fn put_token(namespace: &Namespace, token: &str) {
    let secret = format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: ingest, namespace: {}}}, stringData: {{token: {token}}}}}",
        namespace.name
    );
    namespace.apply(&secret).unwrap();
}

/// What every gateway answers a sender with this token.
async fn answers(namespace: &Namespace, token: &str) -> Result<BTreeSet<u16>, String> {
    let body = Bytes::from(Rows::new(token, 0).request(0..10).encode_to_vec());
    let token = format!("Bearer {token}");
    let headers = [("content-type", "application/x-protobuf"), ("authorization", token.as_str())];
    let mut answers = BTreeSet::new();
    for gateway in namespace.pods("gateway").map_err(told)? {
        let url = format!("http://{}:4318/v1/logs", gateway.address);
        // The address of a pod that ends meanwhile answers nothing at all.
        let answer = tokio::time::timeout(ANSWERED_WITHIN, Http::default().post(&url, &headers, body.clone())).await;
        let answer = answer.map_err(|_| format!("{url}: no answer"))?.map_err(told)?;
        answers.insert(answer.status.as_u16());
    }
    Ok(answers)
}

#[tokio::test]
async fn a_changed_secret_reaches_every_gateway_within_fifteen_seconds() {
    let namespace = Namespace::create(cluster(), "e2e-token").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    put_token(&namespace, "first");
    let roles = "  gateway: {auth: {tokens: [{secretName: ingest, key: token}]}}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("90s").unwrap();
    assert_eq!(answers(&namespace, "first").await, Ok(BTreeSet::from([200])));
    assert_eq!(answers(&namespace, "second").await, Ok(BTreeSet::from([401])));

    put_token(&namespace, "second");
    let start = Instant::now();
    eventually("the new token is taken everywhere, and only it", REACHES_PODS_WITHIN * 2, async || {
        let (new, old) = (answers(&namespace, "second").await?, answers(&namespace, "first").await?);
        if (new, old) == (BTreeSet::from([200]), BTreeSet::from([401])) { Ok(()) } else { Err("not yet".into()) }
    })
    .await
    .unwrap();
    println!("a changed Secret to every gateway: {:?}", start.elapsed());
    assert!(start.elapsed() <= REACHES_PODS_WITHIN, "{:?}", start.elapsed());
    namespace.wait_ready("60s").unwrap();
}

#[tokio::test]
async fn a_missing_config_map_is_named_and_waited_for() {
    let namespace = Namespace::create(cluster(), "e2e-map").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let roles = "  gateway: {replicas: 1, env: [{name: CLICKSTACK_LOG, valueFrom: {configMapKeyRef: {name: level, key: level}}}]}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    eventually("the ConfigMap is named", Duration::from_secs(10), async || {
        let status = namespace.status().map_err(told)?.to_string();
        let is_named = status.contains("ConfigMapMissing") && status.contains("ConfigMap level does not exist");
        if is_named { Ok(()) } else { Err(status) }
    })
    .await
    .unwrap();
    namespace.kubectl(&["create", "configmap", "level", "--from-literal=level=debug"]).unwrap();
    namespace.wait_ready("60s").unwrap();
}

#[tokio::test]
async fn a_restart_by_kubectl_is_not_taken_back_and_nothing_differs_afterwards() {
    let namespace = Namespace::create(cluster(), "e2e-kubectl-restart").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let resource = namespace.resource(&engine, "  gateway: {replicas: 1}\n  agent: {hostPort: false}");
    let server_side = |verb: &str| cluster().kubectl_with(&[verb, "--server-side", "-f", "-"], &resource);
    server_side("apply").unwrap();
    namespace.wait_ready("90s").unwrap();
    for workload in ["deployment/main-gateway", "daemonset/main-agent"] {
        namespace.kubectl(&["rollout", "restart", workload]).unwrap();
        namespace.kubectl(&["rollout", "status", workload, "--timeout=90s"]).unwrap();
    }
    namespace.kubectl(&["label", "clickstackcollector", "main", "team=platform"]).unwrap();
    // A real change, so that the operator writes both once more.
    namespace.kubectl(&["patch", "clickstackcollector", "main", "--type=merge", "-p", CHANGE]).unwrap();
    namespace.wait_ready("90s").unwrap();
    for workload in ["deployment/main-gateway", "daemonset/main-agent"] {
        let object = namespace.json(&[workload]).unwrap();
        let annotations = &object["spec"]["template"]["metadata"]["annotations"];
        assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{workload}: {annotations}");
    }
    namespace.kubectl(&["patch", "clickstackcollector", "main", "--type=merge", "-p", CHANGED_BACK]).unwrap();
    namespace.wait_ready("90s").unwrap();
    // kubectl ends with 1 where something differs.
    server_side("diff").unwrap();
}

const CHANGE: &str =
    r#"{"spec": {"gateway": {"shutdown": {"timeout": "19s"}}, "agent": {"shutdown": {"timeout": "19s"}}}}"#;
const CHANGED_BACK: &str = r#"{"spec": {"gateway": {"shutdown": null}, "agent": {"shutdown": null}}}"#;

#[tokio::test]
async fn a_scaled_gateway_keeps_its_number_within_the_bounds() {
    let namespace = Namespace::create(cluster(), "e2e-autoscaling").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let scaled = |most: u8, database: &str| {
        let roles =
            format!("  gateway: {{autoscaling: {{minReplicas: 1, maxReplicas: {most}}}}}\n  networkPolicy: {{}}");
        namespace.resource(&engine, &roles).replace("database: otel", &format!("database: {database}"))
    };
    let number = async |wanted: i32| {
        eventually(&format!("{wanted} gateways"), Duration::from_secs(60), async || {
            let status = namespace.status().map_err(told)?;
            let gateway = &status["gateway"];
            let is_there = gateway["desired"] == wanted && gateway["ready"] == wanted && gateway["updated"] == wanted;
            if is_there { Ok(()) } else { Err(status.to_string()) }
        })
        .await
        .unwrap();
    };
    // From a fixed number to bounds nothing changes, and nobody falls to one in between.
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}")).unwrap();
    number(2).await;
    namespace.apply(&scaled(4, "otel")).unwrap();
    namespace.kubectl(&["wait", "--for=jsonpath={.spec.maxReplicas}=4", "hpa/main-gateway", "--timeout=30s"]).unwrap();
    number(2).await;
    namespace.kubectl(&["scale", "deployment/main-gateway", "--replicas=3"]).unwrap();
    number(3).await;
    namespace.apply(&scaled(4, "other")).unwrap();
    namespace.wait_ready("90s").unwrap();
    number(3).await;
    // Its own scale, without an autoscaler, as kubectl and other scalers use it.
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}")).unwrap();
    number(2).await;
    namespace.kubectl(&["scale", "clickstackcollector/main", "--replicas=1"]).unwrap();
    number(1).await;
    let left = namespace.kubectl(&["get", "hpa,networkpolicy", "-o", "name"]).unwrap();
    assert_eq!(left.trim(), "", "what is no longer wanted is gone");
}

#[tokio::test]
async fn a_pause_changes_nothing_until_it_ends() {
    let namespace = Namespace::create(cluster(), "e2e-pause").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    let before = namespace.children().unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}\n  paused: true")).unwrap();
    namespace
        .kubectl(&["wait", "--for=jsonpath={.status.conditions[0].reason}=Paused", "csc/main", "--timeout=10s"])
        .unwrap();
    assert_eq!(namespace.children().unwrap(), before);
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 2}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    assert_eq!(namespace.pods("gateway").unwrap().len(), 2);
}

#[tokio::test]
async fn a_revision_that_gateways_cannot_run_does_not_reach_the_agents() {
    let namespace = Namespace::create(cluster(), "e2e-order").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let roles = "  gateway: {replicas: 1}\n  agent: {hostPort: false}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("90s").unwrap();
    let generation = || namespace.json(&["daemonset/main-agent"]).unwrap()["metadata"]["generation"].clone();
    let before = generation();
    namespace.apply(&namespace.resource(&engine, &format!("{roles}\n  image: {{tag: none}}"))).unwrap();
    eventually("the gateway's image is missed", Duration::from_secs(60), async || {
        let status = namespace.status().map_err(told)?.to_string();
        if status.contains("ImagePull") { Ok(()) } else { Err(status) }
    })
    .await
    .unwrap();
    assert_eq!(generation(), before, "agents are left alone");
    assert!(namespace.pods("agent").unwrap().iter().all(|agent| agent.is_ready));
    let change = format!("{roles}\n  image: {{pullPolicy: Never}}");
    namespace.apply(&namespace.resource(&engine, &change)).unwrap();
    eventually("what gateways can run reaches the agents", Duration::from_secs(60), async || {
        if generation() == before { Err("not yet".to_owned()) } else { Ok(()) }
    })
    .await
    .unwrap();
    namespace.wait_ready("90s").unwrap();
}
