//! Specs nobody meant: whatever the API server lets in, the operator lives, says what it makes of it, and writes nowhere
//! but beside the resource.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use tests::apiserver::{ApiServer, User};
use tests::operator::Operator;
use tests::wait::eventually;

/// Specs of one run; each costs the API server some forty requests.
const CASES: usize = 80;
const LOOKED_AT_WITHIN: Duration = Duration::from_secs(60);

/// What no form of Kubernetes knows.
fn wild() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "\\PC{0,8}", Just("{{ }}$(x)${y}\n- a: *b".to_owned()), "[a-z]{300}"]
}

/// Of a form the API server takes, and sometimes not.
fn text(form: &'static str) -> impl Strategy<Value = Option<String>> {
    prop_oneof![5 => Just(None), 10 => form.prop_map(Some), 1 => wild().prop_map(Some)]
}

fn spec() -> impl Strategy<Value = Value> {
    let name = "[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?";
    let (amount, time) = ("[0-9]{1,19}(m|k|Ki|Mi|Gi|Ei)?", "[0-9]{1,6}(ms|s|m|h)");
    let clickhouse = ("[a-z0-9.:_-]{1,40}", text("[A-Za-z_][A-Za-z0-9_]{0,63}"), text(name), text(time));
    let gateway = prop::option::weighted(0.9, (0..=1000_i32, text(time), text(amount), text("[A-Za-z0-9]{0,63}")));
    let forward_to =
        prop::option::weighted(0.2, ("[a-z0-9.:_-]{1,40}", text(name), text("[-._a-zA-Z0-9]{1,20}"), text(time)));
    let agent = prop::option::of((any::<bool>(), text(amount), text(amount), text(name)));
    let image = (text("[ -~]{1,60}"), text("[A-Za-z0-9_.-]{1,40}"));
    let all = (clickhouse, gateway, forward_to, agent, image);
    all.prop_map(|((host, database, secret, timeout), gateway, forward_to, agent, image)| {
        let forward_to = forward_to.map(|(host, secret, key, timeout)| {
            let auth = json!({"token": {"secretName": secret, "key": key}});
            json!({"endpoint": format!("https://{host}"), "auth": auth, "timeout": timeout})
        });
        let has_clickhouse = forward_to.is_none() || gateway.is_none();
        let credentials = secret.map(|secret| json!({"secretName": secret}));
        let gateway = gateway.map(|(replicas, age, memory, node)| {
            let settings = json!({"limits": {"memory": memory}});
            let blocks = has_clickhouse.then(|| json!({"maxAge": age}));
            let node = json!({"n": node});
            json!({"replicas": replicas, "forwardTo": forward_to, "blocks": blocks, "resources": settings, "nodeSelector": node})
        });
        let agent = agent.map(|(host_port, memory, cpu, class)| {
            let requests = json!({"memory": memory, "cpu": cpu});
            json!({"hostPort": host_port, "resources": {"requests": requests}, "priorityClassName": class})
        });
        let (endpoint, (repository, tag)) = (format!("http://{host}"), image);
        let clickhouse = has_clickhouse
            .then(|| json!({"endpoint": endpoint, "database": database, "credentials": credentials, "timeout": timeout}));
        let image = json!({"repository": repository, "tag": tag});
        without_nulls(json!({"clickhouse": clickhouse, "gateway": gateway, "agent": agent, "image": image}))
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        other => other,
    }
}

/// The same at every run, so that a failure is one tomorrow too.
fn specs() -> Vec<Value> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..CASES).map(|_| spec().new_tree(&mut runner).unwrap().current()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_api_server_lets_in_gets_a_condition_and_costs_nobody_else_anything() {
    let server = ApiServer::start().await.unwrap();
    let cluster = server.cluster(User::Admin);
    cluster.kubectl(&["create", "namespace", "hostile"]).unwrap();
    let mut audit = server.audit().unwrap();
    let mut operator = Operator::start(&server).await.unwrap();
    let mut let_in = 0;
    for (number, spec) in specs().into_iter().enumerate() {
        let resource = json!({
            "apiVersion": "clickstack.io/v1alpha1", "kind": "ClickStackCollector",
            "metadata": {"name": format!("r{number}"), "namespace": "hostile"}, "spec": spec,
        });
        let_in += usize::from(cluster.kubectl_with(&["create", "-f", "-"], &resource.to_string()).is_ok());
    }
    println!("{let_in} of {CASES} were let in");
    assert!(let_in > CASES / 4, "too few to show anything: {let_in}");
    let seen = eventually("each has its conditions", LOOKED_AT_WITHIN, async || {
        operator.process().check_running().map_err(|error| format!("{error:#}"))?;
        let all =
            cluster.json(&["clickstackcollectors", "--namespace", "hostile"]).map_err(|error| format!("{error:#}"))?;
        let items = all["items"].as_array().cloned().unwrap_or_default();
        let unseen = items.iter().find(|item| item["status"]["observedGeneration"] != item["metadata"]["generation"]);
        unseen.map_or(Ok(items.clone()), |item| Err(item.to_string()))
    });
    for resource in seen.await.unwrap() {
        let conditions = resource["status"]["conditions"].as_array().unwrap();
        assert!(conditions.iter().any(|condition| condition["type"] == "Ready"), "{resource}");
    }
    for request in audit.news().unwrap().iter().filter(|request| request.is_write()) {
        assert_eq!(request.namespace, "hostile", "{request:?}");
    }
    operator.stop().await.unwrap();
}
