use crds::config::Role;
use serde_json::json;

use super::*;

fn live(kind: Kind, name: &str, component: &str, created: u8) -> Live {
    let object = json!({"metadata": {
        "name": name,
        "creationTimestamp": format!("2026-01-01T00:00:{created:02}Z"),
        "labels": {labels::COMPONENT: component},
    }});
    Live { kind, name: name.to_owned(), object }
}

fn wanted(kind: Kind, name: &str, role: Role) -> Child {
    Child { kind, name: name.to_owned(), role, scale: None, object: json!({}) }
}

fn names(found: Vec<&Live>) -> Vec<&str> {
    found.into_iter().map(|live| live.name.as_str()).collect()
}

#[test]
fn the_newest_three_old_configurations_of_a_role_stay() {
    let all: Vec<_> = (0..6).map(|n| live(Kind::ConfigMap, &format!("c{n}"), "gateway", n)).collect();
    let desired = [wanted(Kind::ConfigMap, "c2", Role::Gateway)];
    assert_eq!(names(surplus(&all, &desired)), ["c1", "c0"]);
}

#[test]
fn everything_of_a_role_that_is_off_goes() {
    let all = [live(Kind::ConfigMap, "a", "agent", 0), live(Kind::DaemonSet, "d", "agent", 0)];
    let desired = [wanted(Kind::ConfigMap, "c", Role::Gateway)];
    assert_eq!(names(surplus(&all, &desired)), ["a", "d"]);
}

#[test]
fn what_is_wanted_or_not_labelled_as_ours_stays() {
    let mut foreign = live(Kind::Service, "s", "agent", 0);
    foreign.object["metadata"]["labels"] = json!({});
    let all = [live(Kind::Deployment, "g", "gateway", 0), foreign];
    assert!(surplus(&all, &[wanted(Kind::Deployment, "g", Role::Gateway)]).is_empty());
}

#[test]
fn a_workload_stays_until_the_one_that_takes_its_place_is_rolled_out() {
    let old = live(Kind::Deployment, "g", "gateway", 0);
    let desired = [wanted(Kind::StatefulSet, "g", Role::Gateway)];
    assert!(surplus(std::slice::from_ref(&old), &desired).is_empty());
    let mut new = live(Kind::StatefulSet, "g", "gateway", 1);
    new.object["metadata"]["generation"] = json!(1);
    new.object["spec"] = json!({"replicas": 1, "selector": {}, "template": {}});
    for (ready, gone) in [(0, vec![]), (1, vec!["g"])] {
        new.object["status"] = json!({
            "observedGeneration": 1, "replicas": 1, "readyReplicas": ready, "availableReplicas": ready,
            "updatedReplicas": 1,
        });
        assert_eq!(names(surplus(&[old.clone(), new.clone()], &desired)), gone);
    }
    assert_eq!(names(surplus(&[old], &[wanted(Kind::DaemonSet, "a", Role::Agent)])), ["g"]);
}
