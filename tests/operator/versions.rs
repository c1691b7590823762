//! Operators of other versions before and after this one: what they have written is taken as it is, nothing rolls, and
//! nothing is lost.

use std::time::Duration;

use serde_json::{Value, json};
use tests::apiserver::{ApiServer, User};
use tests::operator::Operator;
use tests::wait::eventually;

const WITHIN: Duration = Duration::from_secs(30);
const DEFINITION: &str = "crd/clickstackcollectors.clickstack.io";
const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema/properties";
const KINDS: &str = "serviceaccounts,configmaps,services,deployments,daemonsets,poddisruptionbudgets";
const OURS: &str = "app.kubernetes.io/managed-by=clickstack-operator";
const HASH: &str = "clickstack.io/desired-hash";

fn apply_resource(server: &ApiServer) {
    let resource = "apiVersion: clickstack.io/v1alpha1\nkind: ClickStackCollector\n\
                    metadata: {name: main, namespace: default}\n\
                    spec: {clickhouse: {endpoint: 'http://c:8123'}, gateway: {}, agent: {}}\n";
    server.cluster(User::Admin).kubectl_with(&["apply", "-f", "-"], resource).unwrap();
}

async fn resource(server: &ApiServer, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, WITHIN, async || {
        let resource = server.cluster(User::Admin).json(&["clickstackcollector", "main"]);
        let resource = resource.map_err(|error| format!("{error:#}"))?;
        if holds(&resource) { Ok(resource) } else { Err(resource.to_string()) }
    })
    .await
    .unwrap()
}

fn is_applied(resource: &Value) -> bool {
    resource["status"]["appliedGeneration"] == resource["metadata"]["generation"]
}

fn children(server: &ApiServer) -> Vec<Value> {
    let found = server.cluster(User::Admin).json(&[KINDS, "--selector", OURS, "--show-managed-fields"]).unwrap();
    found["items"].as_array().unwrap().clone()
}

/// All that must not differ: what it says, and which fields of it are the operator's.
fn without_versions(mut children: Vec<Value>) -> Vec<Value> {
    for child in &mut children {
        for passing in ["resourceVersion", "generation"] {
            child["metadata"][passing].take();
        }
        child["status"].take();
        let fields = child["metadata"]["managedFields"].as_array_mut().unwrap();
        fields.retain(|fields| fields["manager"] == "clickstack-operator");
        fields.iter_mut().for_each(|fields| drop(fields["time"].take()));
    }
    children
}

/// What a controller would say of gateways that are rolled out: agents wait for them.
fn roll_out(server: &ApiServer) -> Result<(), String> {
    let cluster = server.cluster(User::Admin);
    let gateway = cluster.json(&["deployment/main-gateway"]).map_err(|error| format!("{error:#}"))?;
    let (generation, replicas) = (&gateway["metadata"]["generation"], &gateway["spec"]["replicas"]);
    let status = json!({"status": {
        "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
        "readyReplicas": replicas, "availableReplicas": replicas,
    }});
    let patch = ["patch", "deployment/main-gateway", "--subresource=status", "--type=merge", "-p"];
    cluster.kubectl(&[&patch[..], &[&status.to_string()]].concat()).map(drop).map_err(|error| format!("{error:#}"))
}

async fn looked_at(operator: &Operator) {
    eventually("the resource was looked at", WITHIN, async || {
        let reconciles =
            operator.metric("clickstack_operator_reconciles_total").await.map_err(|error| format!("{error:#}"))?;
        if reconciles >= 1.0 { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await
    .unwrap();
}

/// What an operator would have left that said more of each object than this one does: a label, and all that the API
/// server fills in by default.
fn as_of_another_version(child: &Value) -> Value {
    let mut object = child.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| matches!(field.as_str(), "name" | "namespace" | "labels" | "ownerReferences"));
    object["metadata"]["labels"]["clickstack.io/of-another-version"] = json!("true");
    object["metadata"]["annotations"] = json!({HASH: "0123456789abcdef"});
    object
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_an_operator_that_said_more_of_them_are_made_this_ones_without_new_pods() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    apply_resource(&server);
    resource(&server, "it is applied", is_applied).await;
    operator.stop().await.unwrap();
    let before = children(&server);
    assert_eq!(before.len(), 10);
    for child in before.iter().map(as_of_another_version) {
        let by = ["apply", "--server-side", "--force-conflicts", "--field-manager=clickstack-operator", "-f", "-"];
        cluster.kubectl_with(&by, &child.to_string()).unwrap();
    }
    let left = children(&server);
    assert!(left.iter().all(|child| child["metadata"]["labels"]["clickstack.io/of-another-version"] == "true"));
    let operator = Operator::start(&server).await.unwrap();
    eventually("its label is gone from all", WITHIN, async || {
        roll_out(&server)?;
        let label = |child: &&Value| child["metadata"]["labels"]["clickstack.io/of-another-version"].is_null();
        let found = children(&server);
        let mended = found.iter().filter(label).count();
        if mended == before.len() { Ok(()) } else { Err(format!("{mended} of {}", before.len())) }
    })
    .await
    .unwrap();
    let after = children(&server);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["spec"]["template"], after["spec"]["template"], "new pods");
        let template = "deprecated.daemonset.template.generation";
        assert_eq!(before["metadata"]["annotations"][template], after["metadata"]["annotations"][template]);
    }
    assert_eq!(without_versions(before), without_versions(after));
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_of_a_later_version_stays_in_the_spec_is_named_and_changes_nothing_that_runs() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    let operator = Operator::start(&server).await.unwrap();
    apply_resource(&server);
    resource(&server, "it is applied", is_applied).await;
    let before = children(&server);
    operator.stop().await.unwrap();
    // A later definition, and a resource that uses it.
    let later = json!([{"op": "add", "path": format!("{SCHEMA}/spec/properties/later"), "value": {"type": "string"}}]);
    cluster.kubectl(&["patch", DEFINITION, "--type=json", "-p", &later.to_string()]).unwrap();
    let patch = |arguments: &[&str]| {
        let patch = ["patch", "clickstackcollector", "main", "--type=merge", "-p"];
        cluster.kubectl(&[&patch[..], arguments].concat()).map_err(|error| format!("{error:#}"))
    };
    eventually("the later definition is served", WITHIN, async || {
        patch(&[r#"{"spec": {"later": "x"}}"#])?;
        let resource = cluster.json(&["clickstackcollector", "main"]).map_err(|error| format!("{error:#}"))?;
        if resource["spec"]["later"] == "x" { Ok(()) } else { Err(resource.to_string()) }
    })
    .await
    .unwrap();
    let names_it = |resource: &Value| {
        let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_seen = resource["status"]["observedGeneration"] == resource["metadata"]["generation"];
        is_seen
            && conditions.iter().any(|condition| {
                condition["type"] == "ConfigValid"
                    && condition["status"] == "False"
                    && condition["message"].as_str().is_some_and(|told| told.contains("later"))
            })
    };
    let operator = Operator::start(&server).await.unwrap();
    resource(&server, "the field is named", names_it).await;
    operator.stop().await.unwrap();
    let mut audit = server.audit().unwrap();
    let operator = Operator::start(&server).await.unwrap();
    looked_at(&operator).await;
    let found = resource(&server, "it still names it", names_it).await;
    assert_eq!(found["spec"]["later"], "x");
    assert_eq!(without_versions(before), without_versions(children(&server)));
    let writes = audit.news().unwrap().into_iter().filter(tests::apiserver::Request::is_write);
    let of_children: Vec<_> = writes.filter(|request| request.resource != "clickstackcollectors").collect();
    assert!(of_children.is_empty(), "{of_children:?}");
    patch(&[r#"{"spec": {"later": null}}"#]).unwrap();
    resource(&server, "it is applied again", is_applied).await;
    operator.stop().await.unwrap();
}
