//! A resource from its creation to its end.

use std::time::{Duration, Instant};

use tests::cluster::{Namespace, RELEASE, RELEASE_NAMESPACE};
use tests::http::Http;
use tests::wait::eventually;

use crate::cluster;

/// The promise is 6 s with images present; other tests' pods may still be ending.
const READY_WITHIN: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_new_resource_is_ready_within_six_seconds() {
    let namespace = Namespace::create(cluster(), "e2e-ready").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let start = Instant::now();
    namespace.apply(&namespace.resource(&engine, "  gateway: {}\n  agent: {hostPort: false}")).unwrap();
    namespace.wait_ready("60s").unwrap();
    let took = start.elapsed();
    println!("apply to Ready=True: {took:?}");
    assert!(took <= READY_WITHIN, "{took:?}");
}

#[tokio::test]
async fn the_gateway_scales_with_the_resource() {
    let namespace = Namespace::create(cluster(), "e2e-scale").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    for replicas in [1, 3, 0, 1] {
        namespace.apply(&namespace.resource(&engine, &format!("  gateway: {{replicas: {replicas}}}"))).unwrap();
        eventually("the gateway has its replicas", Duration::from_secs(90), async || {
            let status = namespace.status().map_err(|error| format!("{error:#}"))?;
            let counts = (&status["gateway"]["desired"], &status["gateway"]["ready"], &status["gateway"]["updated"]);
            let pods = namespace.pods("gateway").map_err(|error| format!("{error:#}"))?;
            if counts == (&replicas.into(), &replicas.into(), &replicas.into()) && pods.len() == replicas {
                Ok(())
            } else {
                Err(format!("{status} {pods:?}"))
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn deleting_the_resource_removes_every_child() {
    let namespace = Namespace::create(cluster(), "e2e-delete").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {}\n  agent: {hostPort: false}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    assert!(namespace.children().unwrap().len() >= 9, "{:?}", namespace.children());
    namespace.kubectl(&["delete", "clickstackcollector", "main", "--timeout=60s"]).unwrap();
    namespace.empty().await.unwrap();
    namespace.kubectl(&["get", "secret", "clickhouse"]).unwrap();
}

#[tokio::test]
async fn a_role_switched_off_takes_its_children_with_it() {
    let namespace = Namespace::create(cluster(), "e2e-role-off").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}\n  agent: {hostPort: false}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {replicas: 1}")).unwrap();
    eventually("no child of the agent is left", Duration::from_secs(60), async || {
        let children = namespace.children().map_err(|error| format!("{error:#}"))?;
        let agents: Vec<_> = children.iter().filter(|child| child.contains("main-agent")).collect();
        if agents.is_empty() { Ok(()) } else { Err(format!("{agents:?}")) }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_second_apply_of_the_same_resource_changes_nothing() {
    let namespace = Namespace::create(cluster(), "e2e-same").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let resource = namespace.resource(&engine, "  gateway: {}\n  agent: {hostPort: false}");
    namespace.apply(&resource).unwrap();
    namespace.wait_ready("90s").unwrap();
    let (before, writes) = (namespace.children().unwrap(), operator_writes());
    namespace.apply(&resource).unwrap();
    namespace.kubectl(&["annotate", "clickstackcollector", "main", "note=changed"]).unwrap();
    quiet(&namespace, &before).await;
    assert_eq!(operator_writes(), writes, "no write call either");
}

#[tokio::test]
async fn an_operator_restart_causes_no_rollout_and_no_write() {
    let namespace = Namespace::create(cluster(), "e2e-restart").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    namespace.apply(&namespace.resource(&engine, "  gateway: {}\n  agent: {hostPort: false}")).unwrap();
    namespace.wait_ready("90s").unwrap();
    let (before, version) = (namespace.children().unwrap(), resource_version(&namespace));
    let operator = format!("deployment/{RELEASE}");
    let cluster = cluster();
    cluster.kubectl(&["--namespace", RELEASE_NAMESPACE, "rollout", "restart", &operator]).unwrap();
    cluster.kubectl(&["--namespace", RELEASE_NAMESPACE, "rollout", "status", &operator, "--timeout=90s"]).unwrap();
    eventually("the new operator has looked at the resource", Duration::from_secs(60), async || {
        let reconciles = operator_metric("clickstack_operator_reconciles_total")?;
        if reconciles >= 1.0 { Ok(()) } else { Err(format!("{reconciles} reconciles")) }
    })
    .await
    .unwrap();
    quiet(&namespace, &before).await;
    assert_eq!(operator_writes(), 0.0, "a new operator writes nothing");
    assert_eq!(resource_version(&namespace), version, "not even the status");
}

/// Looks for a while that nothing changes.
async fn quiet(namespace: &Namespace, before: &[String]) {
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        assert_eq!(namespace.children().unwrap(), before);
    }
}

fn resource_version(namespace: &Namespace) -> String {
    namespace.json(&["clickstackcollector", "main"]).unwrap()["metadata"]["resourceVersion"].to_string()
}

fn operator_writes() -> f64 {
    operator_metric("clickstack_operator_writes_total").unwrap()
}

/// The sum over all labels, as the running operator tells it.
fn operator_metric(name: &str) -> Result<f64, String> {
    let told = |error: anyhow::Error| format!("{error:#}");
    let pods = cluster().json(&["pods", "--namespace", RELEASE_NAMESPACE]).map_err(told)?;
    let is_running = |pod: &&serde_json::Value| {
        pod["metadata"]["deletionTimestamp"].is_null() && pod["status"]["phase"] == "Running"
    };
    let pod = pods["items"].as_array().into_iter().flatten().find(is_running).ok_or("no operator runs")?;
    let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
    let path = format!("/api/v1/namespaces/{RELEASE_NAMESPACE}/pods/{pod}:8080/proxy/metrics");
    let text = cluster().kubectl(&["get", "--raw", &path]).map_err(told)?;
    let lines = text.lines().filter(|line| line.starts_with(name));
    Ok(lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}

#[tokio::test]
async fn the_memory_budget_follows_the_limit_of_the_pod() {
    let namespace = Namespace::create(cluster(), "e2e-budget").unwrap();
    let engine = namespace.clickhouse().await.unwrap();
    let roles = "  gateway: {replicas: 1, resources: {limits: {memory: 256Mi}}}";
    namespace.apply(&namespace.resource(&engine, roles)).unwrap();
    namespace.wait_ready("60s").unwrap();
    let gateway = namespace.pods("gateway").unwrap().remove(0);
    let told = Http::default().get(&format!("http://{}:8888/metrics", gateway.address)).await.unwrap().text();
    let budget = told.lines().find_map(|line| line.strip_prefix("clickstack_collector_budget_limit_bytes "));
    // 40 % of it, in whole KiB.
    assert_eq!(budget, Some("107374592"), "{told}");
}
