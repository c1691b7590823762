use serde_json::json;

use super::*;

#[test]
fn defaults_of_the_server_and_fields_of_others_do_not_matter() {
    let desired = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"name": "x", "port": 1}], "replicas": 2}});
    let live = json!({
        "metadata": {"name": "a", "uid": "u", "annotations": {"other": "1"}},
        "spec": {"ports": [{"name": "x", "port": 1, "nodePort": 3}, {"name": "y", "port": 2}], "replicas": 2},
        "status": {},
    });
    assert!(is_current(&desired, &live));
}

#[test]
fn a_changed_a_removed_and_a_missing_field_are_drift() {
    let desired =
        json!({"spec": {"replicas": 2, "template": {"args": ["run"]}}, "metadata": {"annotations": {"h": "1"}}});
    for (path, value) in [("/spec/replicas", json!(3)), ("/spec/template/args", json!(["run", "x"]))] {
        let mut live = desired.clone();
        *live.pointer_mut(path).unwrap() = value;
        assert!(!is_current(&desired, &live), "{path}");
    }
    let mut live = desired.clone();
    live["metadata"].as_object_mut().unwrap().remove("annotations");
    assert!(!is_current(&desired, &live));
}

#[test]
fn a_list_that_is_wholly_ours_must_be_as_long() {
    let desired = json!({"tolerations": [{"operator": "Exists"}]});
    let live = json!({"tolerations": [{"operator": "Exists"}, {"key": "x", "operator": "Exists"}]});
    assert!(!is_current(&desired, &live));
}

#[test]
fn quantities_are_compared_by_what_they_mean() {
    let desired = json!({"resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}}});
    assert!(is_current(&desired, &json!({"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}})));
    assert!(!is_current(&desired, &json!({"resources": {"requests": {"cpu": "501m", "memory": "1Gi"}}})));
}

#[test]
fn an_empty_field_that_the_server_dropped_is_current() {
    assert!(is_current(&json!({"a": {}, "b": []}), &json!({})));
    assert!(!is_current(&json!({"a": {"b": 1}}), &json!({})));
}
