use serde_json::json;

use super::*;

fn laid_over(mut base: Value, overlay: &Value) -> Value {
    lay_over(&mut base, overlay);
    base
}

#[test]
fn maps_are_merged_and_null_removes() {
    let base = json!({"securityContext": {"runAsUser": 1, "runAsNonRoot": true}, "nodeName": "a"});
    let overlay = json!({"securityContext": {"runAsUser": null, "fsGroup": 2}, "hostname": "h"});
    let wanted = json!({"securityContext": {"runAsNonRoot": true, "fsGroup": 2}, "nodeName": "a", "hostname": "h"});
    assert_eq!(laid_over(base, &overlay), wanted);
}

#[test]
fn elements_of_lists_are_found_by_their_key() {
    let base = json!({"containers": [{"name": "collector", "image": "i", "env": [{"name": "A", "value": "1"}]}]});
    let overlay = json!({"containers": [
        {"name": "collector", "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "3"}]},
        {"name": "proxy", "image": "p"},
    ]});
    let wanted = json!({"containers": [
        {"name": "collector", "image": "i", "env": [{"name": "A", "value": "3"}, {"name": "B", "value": "2"}]},
        {"name": "proxy", "image": "p"},
    ]});
    assert_eq!(laid_over(base, &overlay), wanted);
}

#[test]
fn other_lists_are_replaced() {
    let base = json!({"tolerations": [{"operator": "Exists"}]});
    let overlay = json!({"tolerations": [{"key": "a"}, {"key": "b"}]});
    assert_eq!(laid_over(base, &overlay), overlay);
}

#[test]
fn directives_delete_and_replace() {
    let base = json!({"volumes": [{"name": "a"}, {"name": "b"}], "affinity": {"nodeAffinity": {}}, "x": {"y": 1}});
    let overlay = json!({
        "volumes": [{"name": "a", "$patch": "delete"}, {"name": "none", "$patch": "delete"}],
        "affinity": {"$patch": "replace", "podAffinity": {}},
        "x": {"$patch": "delete"},
    });
    assert_eq!(laid_over(base, &overlay), json!({"volumes": [{"name": "b"}], "affinity": {"podAffinity": {}}}));
    let base = json!({"volumes": [{"name": "a"}]});
    let overlay = json!({"volumes": [{"$patch": "replace"}, {"name": "c"}]});
    assert_eq!(laid_over(base, &overlay), json!({"volumes": [{"name": "c"}]}));
}
