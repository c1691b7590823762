use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;

fn object(version: &str) -> DynamicObject {
    let metadata = json!({"namespace": "ns", "name": "main", "resourceVersion": version});
    serde_json::from_value(json!({"metadata": metadata, "status": {"of": version}})).unwrap()
}

/// Any kind has the same metadata.
fn watched(version: &str) -> ConfigMap {
    ConfigMap { metadata: object(version).metadata, ..ConfigMap::default() }
}

#[test]
fn a_write_stands_until_its_event_comes() {
    let unseen = Unseen::default();
    unseen.wrote(object("10"));
    assert_eq!(unseen.newer("ns", "main", Some("9")), Some(json!({"of": "10"})));
    let seen = |version: &str| unseen.take_in(&watcher::Event::Apply(watched(version)));
    seen("9");
    assert!(unseen.newer("ns", "main", None).is_some());
    seen("10");
    assert!(unseen.newer("ns", "main", None).is_none());
}

#[test]
fn what_was_watched_later_is_believed() {
    let unseen = Unseen::default();
    unseen.wrote(object("9"));
    assert!(unseen.newer("ns", "main", Some("10")).is_none());
}

#[test]
fn a_deleted_object_is_not_remembered() {
    let unseen = Unseen::default();
    unseen.wrote(object("9"));
    unseen.take_in(&watcher::Event::Delete(watched("11")));
    assert!(unseen.newer("ns", "main", None).is_none());
}
