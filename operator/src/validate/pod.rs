//! Comes in: the pod settings of a role. Goes out: they, typed, and what of them cannot work. Pure.

use crds::{
    config::Role,
    problem::Problem,
    v1alpha1::{PodSettings, Service},
};
use k8s_openapi::api::core::v1::{PodTemplateSpec, Volume};
use serde_json::{Value, json};

use super::{resources, strict};
use crate::{
    desired::{COLLECTOR, merge_key, overlay},
    labels, plan,
};

/// Set by the operator in every collector.
const OWN_ENVIRONMENT: [&str; 2] = ["POD_NAME", "NODE_NAME"];
/// Set in those that ask the kubelet.
const NODE_IP: &str = "NODE_IP";
/// Where the operator mounts what it mounts.
const OWN_DIRECTORIES: &str = "/etc/clickstack";

pub(super) fn settings(role: Role, wanted: &PodSettings) -> plan::Settings {
    plan::Settings {
        resources: resources::of(role, wanted.resources.as_ref()),
        node_selector: wanted.node_selector.clone(),
        tolerations: wanted.tolerations.clone(),
        affinity: wanted.affinity.clone(),
        topology_spread_constraints: wanted.topology_spread_constraints.clone(),
        priority_class_name: wanted.priority_class_name.clone(),
        env: wanted.env.clone(),
        volumes: wanted.volumes.iter().filter_map(|volume| strict::read("", volume).ok()).collect(),
        volume_mounts: wanted.volume_mounts.clone(),
        overlay: wanted.pod_template.clone(),
        service: service(wanted.service.as_ref()),
    }
}

fn service(wanted: Option<&Service>) -> plan::Service {
    let wanted = wanted.cloned().unwrap_or_default();
    plan::Service {
        type_: wanted.type_.as_str(),
        annotations: wanted.annotations,
        load_balancer_class: wanted.load_balancer_class,
    }
}

/// `field` is the role's block, `pod` has what the operator mounts by itself.
pub(super) fn problems(field: &str, wanted: &PodSettings, pod: &plan::Pod) -> Vec<Problem> {
    let mut found = volumes(field, &wanted.volumes, pod);
    for (index, variable) in wanted.env.iter().enumerate() {
        let is_of_the_kubelet = variable.name == NODE_IP && pod.config.receivers.kubelet_metrics.is_some();
        if is_of_the_kubelet || OWN_ENVIRONMENT.contains(&variable.name.as_str()) {
            let message = format!("{} is set by the operator; use another name", variable.name);
            found.push(Problem::new(format!("{field}.env[{index}].name"), message));
        }
        if wanted.env[..index].iter().any(|earlier| earlier.name == variable.name) {
            let message = format!("{} is there already; remove one of both", variable.name);
            found.push(Problem::new(format!("{field}.env[{index}].name"), message));
        }
    }
    for (index, mount) in wanted.volume_mounts.iter().enumerate() {
        if mount.mount_path.starts_with(OWN_DIRECTORIES) {
            let message = format!("{} is the operator's; use a path outside of {OWN_DIRECTORIES}*", mount.mount_path);
            found.push(Problem::new(format!("{field}.volumeMounts[{index}].mountPath"), message));
        }
    }
    if let Some(template) = &wanted.pod_template {
        found.extend(pod_template(&format!("{field}.podTemplate"), template));
    }
    found
}

fn volumes(field: &str, volumes: &[Value], pod: &plan::Pod) -> Vec<Problem> {
    let mounts = pod.mounts.iter().map(|mount| mount.name.as_str());
    let own: Vec<_> =
        mounts.chain(pod.node_folders.iter().map(|folder| folder.name)).chain(["config", "spool"]).collect();
    let mut found = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let field = format!("{field}.volumes[{index}]");
        if let Err(problems) = strict::read::<Volume>(&field, volume) {
            found.extend(problems);
        }
        let name = volume["name"].as_str().unwrap_or_default();
        let is_own = own.contains(&name);
        let is_twice = volumes[..index].iter().any(|earlier| earlier["name"] == name);
        if name.is_empty() || is_own || is_twice {
            let message = format!("{name:?} is empty or taken; give the volume a name of its own");
            found.push(Problem::new(format!("{field}.name"), message));
        }
    }
    found
}

fn pod_template(field: &str, template: &Value) -> Vec<Problem> {
    if !template.is_object() {
        return vec![Problem::new(field, "is no pod template; write it as a map with metadata and spec")];
    }
    let read = strict::read::<PodTemplateSpec>(field, &overlay::plain(template));
    let mut found = read.err().unwrap_or_default();
    found.extend(lost_identity(field, template));
    keyless(field, template, &mut found);
    found
}

/// By its labels the operator and the Services find a pod, by its name the collector in it.
fn lost_identity(field: &str, template: &Value) -> Option<Problem> {
    let labels = labels::all("x", Role::Gateway);
    let mut trial = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": COLLECTOR}]}});
    overlay::lay_over(&mut trial, template);
    let has_labels = labels.iter().all(|(name, value)| trial["metadata"]["labels"][name] == *value);
    let has_collector =
        trial["spec"]["containers"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == COLLECTOR));
    if !has_labels {
        let names = labels.into_keys().collect::<Vec<_>>().join(", ");
        let message = format!("changes {names}, by which pods are found; leave them as they are");
        return Some(Problem::new(format!("{field}.metadata.labels"), message));
    }
    (!has_collector).then(|| {
        let message = format!("removes the container {COLLECTOR}; switch the role off instead");
        Problem::new(format!("{field}.spec.containers"), message)
    })
}

/// Elements without the field by which their list is merged would be added again and again.
fn keyless(field: &str, value: &Value, found: &mut Vec<Problem>) {
    for (name, part) in value.as_object().into_iter().flatten() {
        let field = format!("{field}.{name}");
        keyless(&field, part, found);
        for (index, element) in part.as_array().into_iter().flatten().enumerate() {
            let field = format!("{field}[{index}]");
            keyless(&field, element, found);
            if let Some(key) = merge_key::of_patch(name)
                && element[key].is_null()
                && element[overlay::DIRECTIVE].is_null()
            {
                found.push(Problem::new(format!("{field}.{key}"), format!("is missing; {name} are merged by it")));
            }
        }
    }
}
