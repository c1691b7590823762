//! An operator with the rights of its chart and no others: what collectors may read of the cluster is given, kept true
//! and taken back, and nothing beyond it can be.

use std::time::Duration;

use serde_json::{Value, json};
use tests::apiserver::{ApiServer, User};
use tests::cluster::{RELEASE, RELEASE_NAMESPACE};
use tests::operator::Operator;
use tests::wait::eventually;

const WITHIN: Duration = Duration::from_secs(30);
const BINDING: &str = "clickstack-operator-agent";
const OF_CLUSTER: &str = "clickstack-operator-cluster";

fn me() -> String {
    format!("--as=system:serviceaccount:{RELEASE_NAMESPACE}:{RELEASE}")
}

/// An API server with what the chart installs, and an operator as the chart's ServiceAccount.
pub async fn started(server: &ApiServer) -> Operator {
    let cluster = server.cluster(User::Admin);
    cluster.kubectl(&["create", "namespace", RELEASE_NAMESPACE]).unwrap();
    let chart = tests::repository().join("helm").display().to_string();
    let rendered = cluster.helm(&["template", RELEASE, &chart, "--namespace", RELEASE_NAMESPACE]).unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], &rendered).unwrap();
    let token = cluster.kubectl(&["create", "token", RELEASE, "--namespace", RELEASE_NAMESPACE]).unwrap();
    let admin = std::fs::read_to_string(server.kubeconfig(User::Operator)).unwrap();
    let config = server.path("as-the-chart-says");
    std::fs::write(&config, admin.replace("operator-token", token.trim())).unwrap();
    Operator::start_with(server, |command| {
        command.env("KUBECONFIG", &config).args([
            "--agent-cluster-role",
            BINDING,
            "--cluster-cluster-role",
            OF_CLUSTER,
        ]);
        command.env("POD_NAMESPACE", RELEASE_NAMESPACE);
    })
    .await
    .unwrap()
}

fn apply(server: &ApiServer, name: &str, agent: &str) {
    let resource = format!(
        "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {{clickhouse: {{endpoint: 'http://c:8123'}}, gateway: {{}}, agent: {agent}}}\n"
    );
    server.cluster(User::Admin).kubectl_with(&["apply", "-f", "-"], &resource).unwrap();
}

async fn bound(server: &ApiServer, what: &str, names: &[&str]) {
    let wanted: Vec<Value> =
        names.iter().map(|name| json!({"kind": "ServiceAccount", "name": name, "namespace": "default"})).collect();
    eventually(what, WITHIN, async || {
        let found = server.cluster(User::Admin).json(&["clusterrolebinding", BINDING]);
        let subjects = found.map_err(|error| format!("{error:#}"))?["subjects"].take();
        let subjects = subjects.as_array().cloned().unwrap_or_default();
        if subjects == wanted { Ok(()) } else { Err(format!("{subjects:?}")) }
    })
    .await
    .unwrap();
}

fn condition(resource: &Value) -> Value {
    let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == "AccessGranted").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_ask_are_bound_drift_is_repaired_and_who_is_gone_is_unbound() {
    let server = ApiServer::start().await.unwrap();
    let operator = started(&server).await;
    let cluster = server.cluster(User::Admin);
    apply(&server, "plain", "{}");
    apply(&server, "asking", "{kubernetesAttributes: {}}");
    apply(&server, "leaving", "{kubernetesAttributes: {}}");
    bound(&server, "both that ask", &["asking-agent", "leaving-agent"]).await;
    eventually("it is told", WITHIN, async || {
        let told = condition(&cluster.json(&["clickstackcollector", "asking"]).map_err(|error| format!("{error:#}"))?);
        if told["status"] == "True" { Ok(()) } else { Err(told.to_string()) }
    })
    .await
    .unwrap();
    assert_eq!(condition(&cluster.json(&["clickstackcollector", "plain"]).unwrap()), Value::Null);
    let agent = "--as=system:serviceaccount:default:asking-agent";
    assert_eq!(cluster.kubectl(&["auth", "can-i", "list", "pods", "-A", agent]).unwrap().trim(), "yes");

    let eve = json!({"subjects": [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]});
    cluster.kubectl(&["patch", "clusterrolebinding", BINDING, "--type=merge", "-p", &eve.to_string()]).unwrap();
    bound(&server, "a stranger is removed", &["asking-agent", "leaving-agent"]).await;
    cluster.kubectl(&["delete", "clusterrolebinding", BINDING]).unwrap();
    bound(&server, "a deleted binding is made again", &["asking-agent", "leaving-agent"]).await;

    cluster.kubectl(&["delete", "clickstackcollector", "leaving"]).unwrap();
    bound(&server, "who is gone", &["asking-agent"]).await;
    apply(&server, "asking", "{}");
    bound(&server, "who asks no longer", &[]).await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_refuses_every_right_that_is_not_the_charts_to_give() {
    let server = ApiServer::start().await.unwrap();
    let operator = started(&server).await;
    let cluster = server.cluster(User::Admin);
    apply(&server, "main", "{kubernetesAttributes: {}}");
    bound(&server, "it works", &["main-agent"]).await;
    let me = me();
    let binding = |name: &str, role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": RELEASE, "namespace": RELEASE_NAMESPACE}],
        })
    };
    // What it may bind cannot be bound elsewhere, and what it may write can bind nothing else.
    cluster.kubectl(&["delete", "clusterrolebinding", BINDING, "--wait=false"]).unwrap();
    for (name, role) in
        [("mine", BINDING), ("mine", "cluster-admin"), ("cluster-admin", "cluster-admin"), (BINDING, "cluster-admin")]
    {
        let wanted = binding(name, role).to_string();
        let told = cluster.kubectl_with(&["apply", "--server-side", "--force-conflicts", "-f", "-", &me], &wanted);
        let told = told.unwrap_err().to_string();
        assert!(told.contains("forbidden") || told.contains("cannot change roleRef"), "{name} to {role}: {told}");
    }
    let may = cluster.kubectl(&["auth", "can-i", "bind", &format!("clusterroles/{BINDING}"), &me]).unwrap();
    assert_eq!(may.trim(), "yes");
    for (verb, what) in [
        ("escalate", "clusterroles"),
        ("bind", "clusterroles"),
        ("bind", "clusterroles/cluster-admin"),
        ("update", "clusterroles/clickstack-operator-agent"),
        ("delete", "clusterrolebindings"),
    ] {
        // "no" ends with 1.
        let told = cluster.kubectl(&["auth", "can-i", verb, what, &me]).unwrap_err().to_string();
        assert!(told.contains("exit status: 1"), "{verb} {what}: {told}");
    }
    // In a namespace it makes Roles, of what it may do itself and of nothing else.
    for (rule, is_its_own) in [("coordination.k8s.io/leases", true), ("apps/controllerrevisions", false)] {
        let (group, resource) = rule.split_once('/').unwrap();
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": resource, "namespace": "default"},
            "rules": [{"apiGroups": [group], "resources": [resource], "verbs": ["get"]}],
        });
        let told = cluster.kubectl_with(&["apply", "--server-side", "-f", "-", &me], &role.to_string());
        let is_refused = |error: anyhow::Error| format!("{error:#}").contains("attempting to grant RBAC permissions");
        let told = told.map(drop).map_err(is_refused);
        assert_eq!(told, if is_its_own { Ok(()) } else { Err(true) }, "{rule}");
    }
    bound(&server, "and it still works", &["main-agent"]).await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_bind_nobody_says_so() {
    let server = ApiServer::start().await.unwrap();
    let operator = Operator::start(&server).await.unwrap();
    apply(&server, "main", "{kubernetesAttributes: {}}");
    eventually("it is told", WITHIN, async || {
        let resource = server.cluster(User::Admin).json(&["clickstackcollector", "main"]);
        let told = condition(&resource.map_err(|error| format!("{error:#}"))?);
        let is_told =
            told["status"] == "Unknown" && told["message"].as_str().unwrap_or_default().contains("podReaders");
        if is_told { Ok(()) } else { Err(told.to_string()) }
    })
    .await
    .unwrap();
    operator.stop().await.unwrap();
}
