//! Names that something has already: an operator that knows nothing of them neither takes them over nor has to ask.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use tests::apiserver::{ApiServer, Request, User};
use tests::operator::Operator;
use tests::wait::eventually;

use crate::proxy::Proxy;

const WITHIN: Duration = Duration::from_secs(30);
const RESOURCE: &str = "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\n\
                        metadata: {name: main, namespace: default}\n\
                        spec: {clickhouse: {endpoint: 'http://c:8123'}, gateway: {}, agent: {}}\n";
/// What a resource of both roles has: for each an account, a configuration and a workload; of gateways two Services and
/// a budget besides, of agents a Service.
const CHILDREN: usize = 10;
/// Beside its children: the status, each time it changes, and events.
const BESIDES: usize = 4;

async fn condition(server: &ApiServer, type_: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let what = format!("{type_} is told");
    eventually(&what, WITHIN, async || {
        let resource = server.cluster(User::Admin).json(&["clickstackcollector", "main"]);
        let resource = resource.map_err(|error| format!("{error:#}"))?;
        let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let found = conditions.into_iter().find(|condition| condition["type"] == type_ && holds(condition));
        found.ok_or_else(|| resource["status"].to_string())
    })
    .await
    .unwrap()
}

async fn applied(server: &ApiServer) {
    eventually("everything is applied", WITHIN, async || {
        let resource = server.cluster(User::Admin).json(&["clickstackcollector", "main"]);
        let status = resource.map_err(|error| format!("{error:#}"))?["status"].take();
        if status["appliedGeneration"] == 1 { Ok(()) } else { Err(status.to_string()) }
    })
    .await
    .unwrap();
}

fn of_operator(requests: Vec<Request>) -> Vec<Request> {
    let is_its = |request: &Request| request.user == User::Operator.name() && request.resource != "leases";
    requests.into_iter().filter(is_its).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_others_keeps_its_name_and_what_it_says_until_it_goes() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    // One that says nothing the operator says, and one that says all of it but whose it is.
    cluster.kubectl(&["create", "service", "clusterip", "main-gateway", "--tcp=1:1"]).unwrap();
    cluster.kubectl(&["create", "serviceaccount", "main-agent"]).unwrap();
    let labels = ["label", "serviceaccount", "main-agent", "app.kubernetes.io/managed-by=clickstack-operator"];
    cluster.kubectl(&[&labels[..], &["app.kubernetes.io/name=clickstack-collector"]].concat()).unwrap();
    let of_others = |kind: &str, name: &str| cluster.json(&[kind, name, "--show-managed-fields"]).unwrap();
    let before = (of_others("service", "main-gateway"), of_others("serviceaccount", "main-agent"));
    let operator = Operator::start(&server).await.unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], RESOURCE).unwrap();
    let told = condition(&server, "Degraded", |condition| condition["status"] == "True").await;
    assert!(told["message"].as_str().unwrap().contains("belongs to something else"), "{told}");
    assert_eq!(before, (of_others("service", "main-gateway"), of_others("serviceaccount", "main-agent")));
    cluster.kubectl(&["delete", "service", "main-gateway"]).unwrap();
    cluster.kubectl(&["delete", "serviceaccount", "main-agent"]).unwrap();
    applied(&server).await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_resource_costs_a_write_for_each_child_and_no_look_at_what_is_not_there() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    let mut audit = server.audit().unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], RESOURCE).unwrap();
    applied(&server).await;
    let asked = of_operator(audit.news().unwrap());
    let made = asked.iter().filter(|request| request.verb == "patch" && request.code == 201).count();
    assert_eq!(made, CHILDREN, "{asked:#?}");
    let writes = asked.iter().filter(|request| request.is_write()).count();
    assert!(writes <= CHILDREN + BESIDES, "{asked:#?}");
    let read = asked.iter().find(|request| request.verb == "get");
    assert!(read.is_none(), "{read:?}");
    // Made by applying, as all that follows: nothing of it is anybody else's.
    for kind in ["deployment", "configmap", "service"] {
        let selector = "app.kubernetes.io/managed-by=clickstack-operator";
        let found = cluster.json(&[kind, "--selector", selector, "--show-managed-fields"]).unwrap();
        for object in found["items"].as_array().unwrap() {
            let fields = object["metadata"]["managedFields"].as_array().unwrap();
            assert_eq!(fields.len(), 1, "{object}");
            let by = (&fields[0]["manager"], &fields[0]["operation"]);
            assert_eq!(by, (&json!("clickstack-operator"), &json!("Apply")), "{object}");
        }
    }
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_own_object_that_lost_its_labels_is_found_by_its_name_and_mended() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], RESOURCE).unwrap();
    applied(&server).await;
    let uid = cluster.json(&["service", "main-gateway"]).unwrap()["metadata"]["uid"].take();
    cluster.kubectl(&["label", "service", "main-gateway", "app.kubernetes.io/managed-by-"]).unwrap();
    eventually("it has its label again", WITHIN, async || {
        let service = cluster.json(&["service", "main-gateway"]).map_err(|error| format!("{error:#}"))?;
        let label = &service["metadata"]["labels"]["app.kubernetes.io/managed-by"];
        assert_eq!(service["metadata"]["uid"], uid);
        if label == "clickstack-operator" { Ok(()) } else { Err(label.to_string()) }
    })
    .await
    .unwrap();
    operator.stop().await.unwrap();
}

/// Puts an object of others into the place of one that the operator knows, while its write is on its way, and looks what
/// becomes of it.
async fn replaced_under_way(resource: &str, method: Method, kind: &str, change: &[&str], of_others: &str) {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let proxy = Proxy::start(&server, usize::MAX).await;
    let config = proxy.kubeconfig(&server);
    let operator = Operator::start_with(&server, |command| {
        command.env("KUBECONFIG", &config);
    })
    .await
    .unwrap();
    cluster.kubectl_with(&["apply", "-f", "-"], resource).unwrap();
    applied(&server).await;
    proxy.hold(&method, &format!("/{kind}/main-gateway"));
    cluster.kubectl(change).unwrap();
    eventually("its write is on its way", WITHIN, async || {
        if proxy.is_holding() { Ok(()) } else { Err(cluster.json(&[kind, "main-gateway"]).unwrap().to_string()) }
    })
    .await
    .unwrap();
    cluster.kubectl(&["delete", kind, "main-gateway"]).unwrap();
    cluster.kubectl_with(&["create", "-f", "-"], of_others).unwrap();
    let found = || cluster.json(&[kind, "main-gateway", "--show-managed-fields"]).unwrap();
    let before = found();
    proxy.let_go();
    let told = condition(&server, "Degraded", |condition| condition["status"] == "True").await;
    assert!(told["message"].as_str().unwrap().contains("belongs to something else"), "{told}");
    assert_eq!(before, found());
    cluster.kubectl(&["delete", kind, "main-gateway"]).unwrap();
    condition(&server, "Degraded", |condition| condition["status"] == "False").await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_others_put_in_the_place_of_a_known_one_is_not_written_over() {
    // Of a kind of which the API server takes any change.
    let of_others = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: main-gateway, namespace: default}\n";
    let change = ["annotate", "serviceaccount", "main-gateway", "clickstack.io/desired-hash=other", "--overwrite"];
    replaced_under_way(RESOURCE, Method::PATCH, "serviceaccounts", &change, of_others).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_that_others_put_in_the_place_of_one_to_be_made_anew_is_not_deleted() {
    let resource = RESOURCE.replace("gateway: {}", "gateway: {spool: {size: 1Gi, volumeClaim: {}}}");
    let of_others = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: main-gateway, namespace: default}\n\
                     spec: {serviceName: x, selector: {matchLabels: {of: others}}, template: {metadata: {labels: {of: others}}, \
                     spec: {containers: [{name: c, image: i}]}}}\n";
    let spec = "{\"spec\": {\"gateway\": {\"spool\": {\"size\": \"2Gi\"}}}}";
    let change = ["patch", "clickstackcollector", "main", "--type=merge", "--patch", spec];
    replaced_under_way(&resource, Method::DELETE, "statefulsets", &change, of_others).await;
}
