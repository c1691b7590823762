use serde_json::json;

use super::*;

fn object(version: &str) -> Value {
    json!({"metadata": {"namespace": "ns", "name": "main", "resourceVersion": version}})
}

fn meta(version: &str) -> ObjectMeta {
    serde_json::from_value(object(version)["metadata"].clone()).unwrap()
}

#[test]
fn a_write_stands_until_its_event_comes() {
    let unseen = Unseen::default();
    unseen.wrote("Service", object("10"));
    assert!(unseen.newer("Service", "ns", "main", Some("9")).is_some());
    unseen.seen("Service", &meta("9"));
    assert!(unseen.newer("Service", "ns", "main", None).is_some());
    unseen.seen("Service", &meta("10"));
    assert!(unseen.newer("Service", "ns", "main", None).is_none());
}

#[test]
fn what_was_watched_later_is_believed() {
    let unseen = Unseen::default();
    unseen.wrote("Service", object("9"));
    assert!(unseen.newer("Service", "ns", "main", Some("10")).is_none());
}

#[test]
fn a_deleted_object_is_not_remembered() {
    let unseen = Unseen::default();
    unseen.wrote("Service", object("9"));
    unseen.deleted("Service", &meta("11"));
    assert!(unseen.all("Service", "ns").is_empty());
}
