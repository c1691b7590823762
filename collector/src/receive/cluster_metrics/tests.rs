use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::measurements::Value;

fn measured(kind: &str, object: serde_json::Value) -> Option<Numbers> {
    let object: Object = serde_json::from_value(object).unwrap();
    let kind = KINDS.into_iter().find(|one| one.name == kind).unwrap();
    (kind.measure)(&object)
}

fn attributes(measured: &Measured) -> BTreeMap<&str, &str> {
    measured.attributes.iter().map(|(name, value)| (*name, &**value)).collect()
}

fn gauges(measured: &Measured) -> Vec<(String, Value)> {
    let named = measured.gauges.iter().map(|gauge| {
        let attribute = gauge.attribute.as_ref().map(|(_, value)| format!("{{{value}}}")).unwrap_or_default();
        (format!("{}{attribute}", gauge.name.trim_start_matches("k8s.")), gauge.value)
    });
    named.collect()
}

fn integers(kind: &str, object: serde_json::Value) -> Vec<(String, i64)> {
    let measured = measured(kind, object).unwrap();
    assert_eq!(measured.len(), 1);
    let integer = |(name, value)| match value {
        Value::Integer(value) => (name, value),
        Value::Number(value) => panic!("{name} {value}"),
    };
    gauges(&measured[0]).into_iter().map(integer).collect()
}

fn expected(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn a_pod_tells_its_phase_and_each_container_what_it_may_use_and_how_it_fares() {
    let measured = measured(
        "pods",
        json!({
            "metadata": {
                "name": "cart-7c9f-x", "namespace": "shop", "uid": "u", "labels": {"pod-template-hash": "7c9f"},
                "ownerReferences": [{"kind": "ReplicaSet", "name": "cart-7c9f", "controller": true}],
            },
            "spec": {
                "nodeName": "n1",
                "containers": [
                    {"name": "main", "image": "r.example:5000/cart:1.2", "resources": {
                        "limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": 1, "ephemeral-storage": "1500m"}}},
                    {"name": "new", "image": "x"},
                ],
                "initContainers": [
                    {"name": "once", "image": "x", "resources": {"limits": {"cpu": "1"}}},
                    {"name": "beside", "image": "x", "restartPolicy": "Always"},
                ],
            },
            "status": {
                "phase": "Running",
                "containerStatuses": [{"name": "main", "ready": true, "restartCount": 3, "containerID": "containerd://c1"}],
                "initContainerStatuses": [{"name": "beside", "ready": false, "restartCount": 0}],
            },
        }),
    )
    .unwrap();
    let [pod, main, beside] = &*measured else { panic!("{measured:?}") };
    let of_pod = [
        ("k8s.pod.name", "cart-7c9f-x"),
        ("k8s.pod.uid", "u"),
        ("k8s.namespace.name", "shop"),
        ("k8s.node.name", "n1"),
        ("k8s.deployment.name", "cart"),
        ("k8s.replicaset.name", "cart-7c9f"),
    ];
    assert_eq!(attributes(pod), BTreeMap::from(of_pod));
    assert_eq!(gauges(pod), [("pod.phase".to_owned(), Value::Integer(2))]);
    let of_container = [
        ("k8s.container.name", "main"),
        ("container.image.name", "r.example:5000/cart"),
        ("container.image.tag", "1.2"),
        ("container.id", "c1"),
    ];
    assert_eq!(attributes(main), of_pod.into_iter().chain(of_container).collect());
    let numbers = [
        ("container.cpu_limit", Value::Number(0.5)),
        ("container.cpu_request", Value::Number(1.0)),
        ("container.memory_limit", Value::Integer(1 << 30)),
        ("container.ephemeralstorage_request", Value::Integer(2)),
        ("container.ready", Value::Integer(1)),
        ("container.restarts", Value::Integer(3)),
    ];
    assert_eq!(gauges(main), numbers.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(attributes(beside)["k8s.container.name"], "beside");
}

#[test]
fn workloads_tell_what_is_wanted_and_what_is_there() {
    let metadata = json!({"name": "a", "namespace": "shop", "uid": "u"});
    let of = |kind: &str, spec: serde_json::Value, status: serde_json::Value| {
        integers(kind, json!({"metadata": metadata, "spec": spec, "status": status}))
    };
    let replicas = json!({"replicas": 3});
    assert_eq!(
        of("deployments", replicas.clone(), json!({"availableReplicas": 2})),
        expected(&[("deployment.available", 2), ("deployment.desired", 3)])
    );
    assert_eq!(
        of("replicasets", replicas.clone(), json!({})),
        expected(&[("replicaset.available", 0), ("replicaset.desired", 3)])
    );
    assert_eq!(
        of("replicationcontrollers", json!({}), json!({"availableReplicas": 1})),
        expected(&[("replication_controller.available", 1), ("replication_controller.desired", 1)])
    );
    assert_eq!(
        of("statefulsets", replicas, json!({"readyReplicas": 2, "currentReplicas": 3, "updatedReplicas": 1})),
        expected(&[
            ("statefulset.desired_pods", 3),
            ("statefulset.ready_pods", 2),
            ("statefulset.current_pods", 3),
            ("statefulset.updated_pods", 1)
        ])
    );
    let nodes =
        json!({"currentNumberScheduled": 4, "desiredNumberScheduled": 5, "numberMisscheduled": 1, "numberReady": 3});
    assert_eq!(
        of("daemonsets", json!({}), nodes),
        expected(&[
            ("daemonset.current_scheduled_nodes", 4),
            ("daemonset.desired_scheduled_nodes", 5),
            ("daemonset.misscheduled_nodes", 1),
            ("daemonset.ready_nodes", 3)
        ])
    );
    assert_eq!(
        of("jobs", json!({"completions": 5, "parallelism": 2}), json!({"active": 2, "succeeded": 1})),
        expected(&[
            ("job.active_pods", 2),
            ("job.failed_pods", 0),
            ("job.successful_pods", 1),
            ("job.desired_successful_pods", 5),
            ("job.max_parallel_pods", 2)
        ])
    );
    assert_eq!(of("cronjobs", json!({}), json!({"active": [{}, {}]})), expected(&[("cronjob.active_jobs", 2)]));
    assert_eq!(
        of("horizontalpodautoscalers", json!({"maxReplicas": 9}), json!({"currentReplicas": 2, "desiredReplicas": 4})),
        expected(&[
            ("hpa.max_replicas", 9),
            ("hpa.min_replicas", 1),
            ("hpa.current_replicas", 2),
            ("hpa.desired_replicas", 4)
        ])
    );
}

#[test]
fn nodes_namespaces_and_quotas_tell_how_they_are() {
    let conditions = json!([
        {"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "False"},
        {"type": "PIDPressure", "status": "Unknown"}, {"type": "Foreign", "status": "True"},
    ]);
    assert_eq!(
        integers("nodes", json!({"metadata": {"name": "n"}, "status": {"conditions": conditions}})),
        expected(&[
            ("node.condition_ready", 1),
            ("node.condition_disk_pressure", 0),
            ("node.condition_pid_pressure", -1)
        ])
    );
    for (phase, value) in [("Active", 1), ("Terminating", 0)] {
        let namespace = json!({"metadata": {"name": "shop"}, "status": {"phase": phase}});
        assert_eq!(integers("namespaces", namespace), expected(&[("namespace.phase", value)]));
    }
    let quota = json!({
        "metadata": {"name": "q", "namespace": "shop", "uid": "u"},
        "status": {"hard": {"limits.cpu": "1500m", "pods": "10"}, "used": {"pods": "4"}},
    });
    assert_eq!(
        integers("resourcequotas", quota),
        expected(&[
            ("resource_quota.hard_limit{limits.cpu}", 1500),
            ("resource_quota.hard_limit{pods}", 10),
            ("resource_quota.used{pods}", 4)
        ])
    );
}

#[test]
fn a_replica_set_that_is_kept_for_a_way_back_tells_nothing() {
    assert_eq!(measured("replicasets", json!({"spec": {"replicas": 0}, "status": {"replicas": 0}})), None);
    assert!(measured("replicasets", json!({"spec": {"replicas": 0}, "status": {"replicas": 1}})).is_some());
}

#[test]
fn what_is_kept_of_a_pod_is_small() {
    let size = size_of::<Gauge>();
    assert!(size <= 96, "{size} for each number of some sixty thousand");
}

#[tokio::test]
async fn kinds_that_are_not_known_yet_are_missed_and_the_others_measured() {
    let node = Node { cluster: Some("eu".into()), ..Node::default() };
    let mut state = State::new(&node, Duration::from_millis(20));
    let reading = state.read(5).await;
    assert!(reading.requests.is_empty());
    assert!(reading.missing.starts_with("pods, nodes, namespaces,"), "{}", reading.missing);
}
