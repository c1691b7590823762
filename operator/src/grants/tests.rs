use crds::config::Role;
use kube::core::DeserializeGuard;
use serde_json::json;

use super::*;
use crate::{references::Found, validate::validate};

fn resource(name: &str, spec: &serde_json::Value) -> Guarded {
    let resource = json!({
        "apiVersion": "clickstack.io/v1alpha1", "kind": "ClickStackCollector",
        "metadata": {"name": name, "namespace": "ns", "uid": "u"}, "spec": spec,
    });
    serde_json::from_value::<DeserializeGuard<ClickStackCollector>>(resource).unwrap()
}

fn spec(agent: &serde_json::Value, is_paused: bool) -> serde_json::Value {
    json!({"clickhouse": {"endpoint": "http://c:8123"}, "gateway": {}, "agent": agent, "paused": is_paused})
}

fn named(names: &[&str]) -> BTreeSet<Account> {
    names.iter().map(|name| Account { namespace: "ns".to_owned(), name: (*name).to_owned() }).collect()
}

#[test]
fn those_that_ask_are_bound_and_what_stands_still_keeps_what_it_has() {
    let asking = json!({"kubernetesAttributes": {}});
    let resources = [
        resource("asks", &spec(&asking, false)),
        resource("asks-not", &spec(&json!({}), false)),
        resource("paused-with", &spec(&json!({}), true)),
        resource("paused-without", &spec(&asking, true)),
        resource("unreadable-with", &json!({"gateway": 7})),
        resource("unreadable-without", &json!({"gateway": 7})),
    ];
    let held = named(&["paused-with-agent", "unreadable-with-agent", "asks-not-agent", "gone-agent"]);
    let wanted = wanted(Role::Agent, resources.iter(), &held);
    assert_eq!(wanted, named(&["asks-agent", "paused-with-agent", "unreadable-with-agent"]));
}

#[test]
fn a_binding_says_all_that_is_wanted_and_nothing_else() {
    let two = binding("r", &named(&["a", "b"]));
    assert_eq!(accounts(&two), named(&["a", "b"]));
    let mut live = two.clone();
    live["metadata"]["labels"]["helm.sh/chart"] = json!("x");
    assert!(is_current(&two, &live));
    assert!(!is_current(&binding("r", &named(&["a"])), &live), "one too many");
    live["subjects"].as_array_mut().unwrap().push(json!({"kind": "User", "name": "eve"}));
    assert!(!is_current(&two, &live), "somebody who is no account of ours");
    let fresh = json!({"roleRef": two["roleRef"]});
    assert!(is_current(&binding("r", &BTreeSet::new()), &fresh), "as the chart makes it");
}

#[test]
fn whoever_gets_a_token_is_bound() {
    let agents =
        ["kubernetesAttributes", "kubeletMetrics", "containerLogs", "hostMetrics"].map(|name| json!({name: {}}));
    for agent in agents.into_iter().chain([json!({})]) {
        let mut resource = resource("main", &spec(&agent, false)).0.unwrap();
        resource.spec.cluster = serde_json::from_value(json!({})).unwrap();
        let plan = validate(&resource, &Found::new(), "r:1").unwrap();
        for role in Role::ALL {
            assert_eq!(plan.pod(role).is_some_and(crate::plan::Pod::has_token), asks(&resource.spec, role));
        }
    }
}
