//! What an object says in numbers. Pure.
//!
//! Comes in: an object of a kind. Goes out: metrics under the names, units and with the resources of the OpenTelemetry
//! Collector's `k8s_cluster` receiver, all of them gauges. Must not keep of an object what is not a number or a name.

use std::borrow::Cow;

use super::objects::{Active, Container, ContainerStatus, Object, Quantities};
use crate::{
    cluster::{image, owners},
    measurements::Value,
    quantity::quantity,
};

/// One resource and what is measured of it.
#[derive(Debug, PartialEq)]
pub(super) struct Measured {
    pub(super) attributes: Box<[(&'static str, Box<str>)]>,
    pub(super) gauges: Box<[Gauge]>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Gauge {
    pub(super) name: Cow<'static, str>,
    pub(super) unit: &'static str,
    pub(super) value: Value,
    /// Of the point.
    pub(super) attribute: Option<(&'static str, Box<str>)>,
}

/// A kind of objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    /// As the API server calls it.
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) measure: fn(&Object) -> Option<Box<[Measured]>>,
}

/// In the order of the contract with the UI: what its pages show stands first.
pub(super) const KINDS: [Kind; 12] = [
    Kind { name: "pods", path: "/api/v1/pods", measure: pod },
    Kind { name: "nodes", path: "/api/v1/nodes", measure: node },
    Kind { name: "namespaces", path: "/api/v1/namespaces", measure: namespace },
    Kind { name: "deployments", path: "/apis/apps/v1/deployments", measure: deployment },
    Kind { name: "replicasets", path: "/apis/apps/v1/replicasets", measure: replica_set },
    Kind { name: "statefulsets", path: "/apis/apps/v1/statefulsets", measure: stateful_set },
    Kind { name: "daemonsets", path: "/apis/apps/v1/daemonsets", measure: daemon_set },
    Kind { name: "jobs", path: "/apis/batch/v1/jobs", measure: job },
    Kind { name: "cronjobs", path: "/apis/batch/v1/cronjobs", measure: cron_job },
    Kind {
        name: "horizontalpodautoscalers",
        path: "/apis/autoscaling/v2/horizontalpodautoscalers",
        measure: autoscaler,
    },
    Kind { name: "resourcequotas", path: "/api/v1/resourcequotas", measure: quota },
    Kind { name: "replicationcontrollers", path: "/api/v1/replicationcontrollers", measure: replication_controller },
];

fn pod(object: &Object) -> Option<Box<[Measured]>> {
    let phase = match object.status.phase.as_str() {
        "Pending" => 1,
        "Running" => 2,
        "Succeeded" => 3,
        "Failed" => 4,
        _ => 5,
    };
    let of_pod = pod_attributes(object);
    let beside = object.spec.init_containers.iter().filter(|one| one.restart_policy == "Always");
    let containers = object.spec.containers.iter().chain(beside);
    let statuses = || object.status.container_statuses.iter().chain(&object.status.init_container_statuses);
    let measured = containers.map(|one| container(&of_pod, one, statuses().find(|status| status.name == one.name)));
    let measured: Vec<_> = measured.filter(|one| !one.gauges.is_empty()).collect();
    let own = Measured { attributes: of_pod.into(), gauges: [gauge("k8s.pod.phase", "", phase)].into() };
    Some(std::iter::once(own).chain(measured).collect())
}

fn pod_attributes(object: &Object) -> Vec<(&'static str, Box<str>)> {
    let mut attributes = named(object, "k8s.pod.name", "k8s.pod.uid");
    if !object.spec.node_name.is_empty() {
        attributes.push(("k8s.node.name", object.spec.node_name.as_str().into()));
    }
    attributes.extend(owners(&object.metadata).into_iter().map(|(kind, name)| (kind, name.into())));
    attributes
}

fn container(pod: &[(&'static str, Box<str>)], one: &Container, status: Option<&ContainerStatus>) -> Measured {
    const AMOUNTS: [(&str, &str, &str, &str); 4] = [
        ("cpu", "k8s.container.cpu_limit", "k8s.container.cpu_request", "{cpu}"),
        ("memory", "k8s.container.memory_limit", "k8s.container.memory_request", "By"),
        ("storage", "k8s.container.storage_limit", "k8s.container.storage_request", "By"),
        ("ephemeral-storage", "k8s.container.ephemeralstorage_limit", "k8s.container.ephemeralstorage_request", "By"),
    ];
    let mut attributes = pod.to_vec();
    attributes.push(("k8s.container.name", one.name.as_str().into()));
    let (name, tag) = image(&one.image);
    attributes.extend((!name.is_empty()).then(|| ("container.image.name", name.into())));
    attributes.extend(tag.map(|tag| ("container.image.tag", tag.into())));
    let id = status.and_then(|status| Some(status.container_id.split_once("://")?.1));
    attributes.extend(id.map(|id| ("container.id", id.into())));
    let mut gauges = Vec::new();
    for (key, limit, request, unit) in AMOUNTS {
        for (name, amounts) in [(limit, &one.resources.limits), (request, &one.resources.requests)] {
            let value = amount(amounts, key).map(|value| if unit == "By" { whole(value) } else { value.into() });
            gauges.extend(value.map(|value| Gauge { name: name.into(), unit, value, attribute: None }));
        }
    }
    if let Some(status) = status {
        gauges.push(gauge("k8s.container.ready", "", status.ready.into()));
        gauges.push(gauge("k8s.container.restarts", "{restart}", status.restart_count));
    }
    Measured { attributes: attributes.into(), gauges: gauges.into() }
}

fn node(object: &Object) -> Option<Box<[Measured]>> {
    let gauges = object.status.conditions.iter().filter_map(|condition| {
        let name = match condition.kind.as_str() {
            "Ready" => "k8s.node.condition_ready",
            "MemoryPressure" => "k8s.node.condition_memory_pressure",
            "DiskPressure" => "k8s.node.condition_disk_pressure",
            "PIDPressure" => "k8s.node.condition_pid_pressure",
            "NetworkUnavailable" => "k8s.node.condition_network_unavailable",
            _ => return None,
        };
        let value = match condition.status.as_str() {
            "True" => 1,
            "False" => 0,
            _ => -1,
        };
        Some(gauge(name, "", value))
    });
    one(named(object, "k8s.node.name", "k8s.node.uid"), gauges)
}

fn namespace(object: &Object) -> Option<Box<[Measured]>> {
    let phase = match object.status.phase.as_str() {
        "Active" => 1,
        "Terminating" => 0,
        _ => -1,
    };
    one(named(object, "k8s.namespace.name", "k8s.namespace.uid"), [gauge("k8s.namespace.phase", "", phase)])
}

fn deployment(object: &Object) -> Option<Box<[Measured]>> {
    let available = gauge("k8s.deployment.available", "{pod}", number(object.status.available_replicas));
    let desired = gauge("k8s.deployment.desired", "{pod}", object.spec.replicas.unwrap_or(1));
    one(named(object, "k8s.deployment.name", "k8s.deployment.uid"), [available, desired])
}

/// Nothing of one that is kept for a way back alone.
fn replica_set(object: &Object) -> Option<Box<[Measured]>> {
    if object.spec.replicas == Some(0) && number(object.status.replicas) == 0 {
        return None;
    }
    let available = gauge("k8s.replicaset.available", "{pod}", number(object.status.available_replicas));
    let desired = gauge("k8s.replicaset.desired", "{pod}", object.spec.replicas.unwrap_or(1));
    let mut attributes = named(object, "k8s.replicaset.name", "k8s.replicaset.uid");
    let owner = object.metadata.owner_references.iter().find(|owner| owner.controller && owner.kind == "Deployment");
    attributes.extend(owner.map(|owner| ("k8s.deployment.name", owner.name.as_str().into())));
    one(attributes, [available, desired])
}

fn replication_controller(object: &Object) -> Option<Box<[Measured]>> {
    let available = gauge("k8s.replication_controller.available", "{pod}", number(object.status.available_replicas));
    let desired = gauge("k8s.replication_controller.desired", "{pod}", object.spec.replicas.unwrap_or(1));
    one(named(object, "k8s.replicationcontroller.name", "k8s.replicationcontroller.uid"), [available, desired])
}

fn stateful_set(object: &Object) -> Option<Box<[Measured]>> {
    let status = &object.status;
    let gauges = [
        ("k8s.statefulset.desired_pods", Some(object.spec.replicas.unwrap_or(1))),
        ("k8s.statefulset.ready_pods", status.ready_replicas),
        ("k8s.statefulset.current_pods", status.current_replicas),
        ("k8s.statefulset.updated_pods", status.updated_replicas),
    ];
    let gauges = gauges.map(|(name, value)| gauge(name, "{pod}", number(value)));
    one(named(object, "k8s.statefulset.name", "k8s.statefulset.uid"), gauges)
}

fn daemon_set(object: &Object) -> Option<Box<[Measured]>> {
    let status = &object.status;
    let gauges = [
        ("k8s.daemonset.current_scheduled_nodes", status.current_number_scheduled),
        ("k8s.daemonset.desired_scheduled_nodes", status.desired_number_scheduled),
        ("k8s.daemonset.misscheduled_nodes", status.number_misscheduled),
        ("k8s.daemonset.ready_nodes", status.number_ready),
    ];
    let gauges = gauges.map(|(name, value)| gauge(name, "{node}", number(value)));
    one(named(object, "k8s.daemonset.name", "k8s.daemonset.uid"), gauges)
}

fn job(object: &Object) -> Option<Box<[Measured]>> {
    let active = if let Some(Active::Pods(number)) = object.status.active { number } else { 0 };
    let gauges = [
        ("k8s.job.active_pods", Some(active)),
        ("k8s.job.failed_pods", Some(number(object.status.failed))),
        ("k8s.job.successful_pods", Some(number(object.status.succeeded))),
        ("k8s.job.desired_successful_pods", object.spec.completions),
        ("k8s.job.max_parallel_pods", object.spec.parallelism),
    ];
    let gauges = gauges.into_iter().filter_map(|(name, value)| Some(gauge(name, "{pod}", value?)));
    let mut attributes = named(object, "k8s.job.name", "k8s.job.uid");
    let owner = object.metadata.owner_references.iter().find(|owner| owner.controller && owner.kind == "CronJob");
    attributes.extend(owner.map(|owner| ("k8s.cronjob.name", owner.name.as_str().into())));
    one(attributes, gauges)
}

fn cron_job(object: &Object) -> Option<Box<[Measured]>> {
    let active = if let Some(Active::Jobs(jobs)) = &object.status.active { jobs.len() } else { 0 };
    one(
        named(object, "k8s.cronjob.name", "k8s.cronjob.uid"),
        [gauge("k8s.cronjob.active_jobs", "{job}", active as i64)],
    )
}

fn autoscaler(object: &Object) -> Option<Box<[Measured]>> {
    let gauges = [
        ("k8s.hpa.max_replicas", number(object.spec.max_replicas)),
        ("k8s.hpa.min_replicas", object.spec.min_replicas.unwrap_or(1)),
        ("k8s.hpa.current_replicas", number(object.status.current_replicas)),
        ("k8s.hpa.desired_replicas", number(object.status.desired_replicas)),
    ];
    one(named(object, "k8s.hpa.name", "k8s.hpa.uid"), gauges.map(|(name, value)| gauge(name, "{pod}", value)))
}

/// Of processors in thousandths, as that receiver has them.
fn quota(object: &Object) -> Option<Box<[Measured]>> {
    let of = |name: &'static str, quantities: &Quantities| -> Vec<Gauge> {
        let points = quantities.keys().filter_map(|key| {
            let parts = if key.ends_with(".cpu") { 1000.0 } else { 1.0 };
            let value = whole(amount(quantities, key)? * parts);
            Some(Gauge {
                name: name.into(),
                unit: "{resource}",
                value,
                attribute: Some(("resource", key.as_str().into())),
            })
        });
        points.collect()
    };
    let (hard, used) = (&object.status.hard, &object.status.used);
    let gauges = of("k8s.resource_quota.hard_limit", hard).into_iter().chain(of("k8s.resource_quota.used", used));
    one(named(object, "k8s.resourcequota.name", "k8s.resourcequota.uid"), gauges)
}

fn one(attributes: Vec<(&'static str, Box<str>)>, gauges: impl IntoIterator<Item = Gauge>) -> Option<Box<[Measured]>> {
    Some([Measured { attributes: attributes.into(), gauges: gauges.into_iter().collect() }].into())
}

/// A name, an identity, and the namespace where there is one.
fn named(object: &Object, name: &'static str, uid: &'static str) -> Vec<(&'static str, Box<str>)> {
    let metadata = &object.metadata;
    let mut attributes = vec![(name, metadata.name.as_str().into()), (uid, metadata.uid.as_str().into())];
    if !metadata.namespace.is_empty() {
        attributes.push(("k8s.namespace.name", metadata.namespace.as_str().into()));
    }
    attributes
}

fn gauge(name: &'static str, unit: &'static str, value: i64) -> Gauge {
    Gauge { name: name.into(), unit, value: value.into(), attribute: None }
}

/// What the API server leaves out is 0.
fn number(value: Option<i64>) -> i64 {
    value.unwrap_or(0)
}

fn amount(quantities: &Quantities, key: &str) -> Option<f64> {
    match quantities.get(key)? {
        serde_json::Value::String(text) => quantity(text),
        other => other.as_f64(),
    }
}

/// Parts of a whole are rounded up, as Kubernetes does.
fn whole(value: f64) -> Value {
    Value::Integer(value.ceil() as i64)
}
