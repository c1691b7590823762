//! What others decide stays as they have decided it, and what is in git is what is in the cluster.

use std::time::Duration;

use tests::apiserver::{ApiServer, Audit, User};
use tests::operator::Operator;
use tests::wait::eventually;

const WITHIN: Duration = Duration::from_secs(30);

fn resource(gateway: &str, max_age: &str) -> String {
    format!(
        "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\nmetadata: {{name: main, namespace: default}}\n\
         spec: {{clickhouse: {{endpoint: 'http://c:8123'}}, gateway: {{{gateway}, blocks: {{maxAge: {max_age}}}}}, agent: {{}}}}\n"
    )
}

/// As GitOps tools do it.
fn server_side(server: &ApiServer, verb: &str, resource: &str) -> String {
    server.cluster(User::Admin).kubectl_with(&[verb, "--server-side", "-f", "-"], resource).unwrap()
}

async fn applied(server: &ApiServer) {
    eventually("everything is applied", WITHIN, async || {
        let resource = server.cluster(User::Admin).json(&["clickstackcollector", "main"]);
        let resource = resource.map_err(|error| format!("{error:#}"))?;
        let is_applied = resource["status"]["appliedGeneration"] == resource["metadata"]["generation"];
        if is_applied { Ok(()) } else { Err(resource["status"].to_string()) }
    })
    .await
    .unwrap();
}

/// Writes of children, once the operator has looked at what has happened: a resource it is shown last, which makes none,
/// has a status.
async fn writes_of_children(server: &ApiServer, audit: &mut Audit, last: &str) -> Vec<String> {
    let cluster = server.cluster(User::Admin);
    let resource = resource("replicas: 1", "1s").replace("name: main", &format!("name: {last}"));
    cluster.kubectl_with(&["apply", "-f", "-"], &resource.replace("spec: {", "spec: {paused: true, ")).unwrap();
    eventually("the last one is looked at", WITHIN, async || {
        let found = cluster.json(&["clickstackcollector", last]).map_err(|error| format!("{error:#}"))?;
        if found["status"]["observedGeneration"] == 1 { Ok(()) } else { Err(found.to_string()) }
    })
    .await
    .unwrap();
    let requests = audit.news().unwrap();
    let is_child = |resource: &str| !matches!(resource, "clickstackcollectors" | "events");
    let writes = requests.iter().filter(|request| request.is_write() && is_child(&request.resource));
    writes.map(|request| format!("{} {} {}", request.verb, request.resource, request.name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_autoscaler_and_a_restart_have_changed_stays_and_a_diff_of_the_resource_stays_empty() {
    let mut server = ApiServer::start().await.unwrap();
    server.start_controllers().unwrap();
    let operator = Operator::start(&server).await.unwrap();
    let cluster = server.cluster(User::Admin);
    let scaled = |max_age| resource("autoscaling: {minReplicas: 2, maxReplicas: 6}", max_age);
    server_side(&server, "apply", &scaled("1s"));
    applied(&server).await;
    let mut audit = server.audit().unwrap();
    // The number by the subresource, as a HorizontalPodAutoscaler sets it.
    cluster.kubectl(&["scale", "deployment/main-gateway", "--replicas=4"]).unwrap();
    for workload in ["deployment/main-gateway", "daemonset/main-agent"] {
        cluster.kubectl(&["rollout", "restart", workload]).unwrap();
    }
    assert_eq!(writes_of_children(&server, &mut audit, "first").await, Vec::<String>::new());
    assert_eq!(server_side(&server, "diff", &scaled("1s")), "");
    // The operator writes the workloads for a reason of its own.
    server_side(&server, "apply", &scaled("2s"));
    applied(&server).await;
    let written = writes_of_children(&server, &mut audit, "second").await;
    assert!(written.contains(&"patch deployments main-gateway".to_owned()), "{written:?}");
    let gateway = cluster.json(&["deployment/main-gateway"]).unwrap();
    assert_eq!(gateway["spec"]["replicas"], 4);
    for workload in ["deployment/main-gateway", "daemonset/main-agent"] {
        let object = cluster.json(&[workload]).unwrap();
        let annotations = &object["spec"]["template"]["metadata"]["annotations"];
        assert!(annotations["kubectl.kubernetes.io/restartedAt"].is_string(), "{workload}: {annotations}");
    }
    assert_eq!(server_side(&server, "diff", &scaled("2s")), "");
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_another_scaler_gives_the_resource_is_no_difference_where_git_has_none() {
    let server = ApiServer::start().await.unwrap();
    let operator = Operator::start(&server).await.unwrap();
    let cluster = server.cluster(User::Admin);
    let of_git = resource("shutdown: {}", "1s");
    server_side(&server, "apply", &of_git);
    applied(&server).await;
    cluster.kubectl(&["scale", "clickstackcollector/main", "--replicas=3"]).unwrap();
    applied(&server).await;
    assert_eq!(cluster.json(&["deployment/main-gateway"]).unwrap()["spec"]["replicas"], 3);
    assert_eq!(server_side(&server, "diff", &of_git), "");
    server_side(&server, "apply", &of_git);
    applied(&server).await;
    assert_eq!(cluster.json(&["deployment/main-gateway"]).unwrap()["spec"]["replicas"], 3);
    operator.stop().await.unwrap();
}
