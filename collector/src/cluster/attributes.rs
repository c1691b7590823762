//! What a pod says of the telemetry that comes from it.
//!
//! Comes in: a pod. Goes out: resource attributes by the conventions of OpenTelemetry
//! (<https://opentelemetry.io/docs/specs/semconv/non-normative/k8s-attributes/>,
//! <https://opentelemetry.io/docs/specs/semconv/resource/k8s/>). Must not ask for other objects: who stands above a pod
//! is read from its owner's name, by the rules by which Kubernetes makes such names.

use super::{
    pod::{ContainerStatus, Metadata, Pod},
    resources::Reserved,
};
use crate::{pattern::matches, rfc3339::nanoseconds};

/// Name and value.
pub type Attribute = (String, String);

/// Which labels and annotations become attributes: names, in which `*` stands for any text.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub labels: Vec<String>,
    pub annotations: Vec<String>,
}

/// What is kept of a pod.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    /// Which it alone has: none of a pod in the network of its node, nor of one that has ended.
    pub addresses: Vec<String>,
    /// Of everything that comes from the pod, but for what the path of its log says.
    attributes: Vec<Attribute>,
    /// Of what the pod and its owners are called, the name a service has.
    service: Option<String>,
    version: Option<String>,
    /// Whether the pod says itself which instance this is.
    has_instance: bool,
    containers: Vec<Container>,
    reserved: Reserved,
    /// Names of volumes, and their kinds.
    volumes: Vec<(String, String)>,
}

/// Which of the containers that have borne a name one after another.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// The one that was started after so many restarts.
    Restart(u32),
    /// The one that was made at this time, in nanoseconds since the Unix epoch.
    MadeAt(u64),
    /// The one that runs.
    Now,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Container {
    name: String,
    image: String,
    running: Option<Running>,
    reserved: Reserved,
}

/// The container the pod's status speaks of.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Running {
    id: String,
    restarts: u32,
    /// It was made after the one before it had ended, and before it was started; none where it does not run.
    made: Option<std::ops::Range<u64>>,
}

/// Annotations that are attributes as they stand.
const VERBATIM: &str = "resource.opentelemetry.io/";

impl Known {
    pub(super) fn of(pod: &Pod, rules: &Rules) -> Self {
        let Metadata { name, labels, annotations, .. } = &pod.metadata;
        let mut attributes = Vec::new();
        let mut add = |name: &str, value: &str| attributes.push((name.to_owned(), value.to_owned()));
        if let Some(time) = &pod.status.start_time {
            add("k8s.pod.start_time", time);
        }
        let owners = owners(&pod.metadata);
        owners.iter().for_each(|(kind, name)| add(kind, name));
        for (key, value) in labels.iter().filter(|(key, _)| rules.labels.iter().any(|rule| matches(rule, key))) {
            add(&format!("k8s.pod.label.{key}"), value);
        }
        for (key, value) in annotations {
            if let Some(key) = key.strip_prefix(VERBATIM) {
                add(key, value);
            } else if rules.annotations.iter().any(|rule| matches(rule, key)) {
                add(&format!("k8s.pod.annotation.{key}"), value);
            }
        }
        let says = |key: &str| annotations.contains_key(&format!("{VERBATIM}{key}"));
        let label = |key: &str| labels.get(key).filter(|value| !value.is_empty()).cloned();
        let service = label("app.kubernetes.io/instance").or_else(|| label("app.kubernetes.io/name"));
        let service = service.or_else(|| best(&owners)).unwrap_or_else(|| name.clone());
        if !says("service.namespace") {
            add("service.namespace", &pod.metadata.namespace);
        }
        Self {
            namespace: pod.metadata.namespace.clone(),
            name: name.clone(),
            uid: pod.identity().to_owned(),
            addresses: addresses(pod),
            service: (!says("service.name")).then_some(service),
            version: if says("service.version") { Some(String::new()) } else { label("app.kubernetes.io/version") },
            has_instance: says("service.instance.id"),
            containers: containers(pod),
            reserved: Reserved::of_pod(pod),
            volumes: volumes(pod),
            attributes,
        }
    }

    /// The name of its container, where it has but one.
    pub fn only_container(&self) -> Option<&str> {
        if let [only] = &self.containers[..] { Some(&only.name) } else { None }
    }

    /// Everything that is said of the pod itself.
    pub fn of_pod(&self) -> Vec<Attribute> {
        let mut attributes = self.attributes.clone();
        let version = self.version.as_ref().filter(|version| !version.is_empty());
        for (name, value) in [("service.name", self.service.as_ref()), ("service.version", version)] {
            attributes.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        attributes
    }

    /// What it may use, or one of its containers.
    pub fn reserved(&self, container: Option<&str>) -> Reserved {
        let Some(name) = container else { return self.reserved };
        self.containers.iter().find(|one| one.name == name).map(|one| one.reserved).unwrap_or_default()
    }

    /// The kind of one of its volumes, as `emptyDir`.
    pub fn volume_type(&self, name: &str) -> Option<&str> {
        self.volumes.iter().find(|(volume, _)| volume == name).map(|(_, kind)| kind.as_str())
    }

    /// Everything that is said of one of its containers. `instance` is what it is called where the pod says nothing.
    pub fn of_container(&self, name: &str, run: Run, instance: &str) -> Vec<Attribute> {
        let mut attributes = self.attributes.clone();
        let mut add = |name: &str, value: &str| attributes.push((name.to_owned(), value.to_owned()));
        if let Some(service) = &self.service {
            add("service.name", service);
        }
        if !self.has_instance {
            add("service.instance.id", instance);
        }
        let container = self.containers.iter().find(|container| container.name == name);
        let (image, tag) = container.map_or(("", None), |container| image(&container.image));
        match (&self.version, tag) {
            (Some(version), _) if !version.is_empty() => add("service.version", version),
            (None, Some(tag)) => add("service.version", tag),
            _ => {}
        }
        if !image.is_empty() {
            add("container.image.name", image);
        }
        if let Some(tag) = tag {
            add("container.image.tag", tag);
        }
        if let Some(running) = container.and_then(|one| one.running.as_ref()).filter(|running| running.is(run)) {
            add("container.id", &running.id);
        }
        attributes
    }
}

impl Running {
    fn of(status: &ContainerStatus) -> Option<Self> {
        const SECOND: u64 = 1_000_000_000;
        let (_, id) = status.container_id.split_once("://")?;
        let time = |text: Option<&String>| nanoseconds(text?.as_bytes());
        let started = status.state.running.as_ref().and_then(|times| time(times.started_at.as_ref()));
        let before = status.last_state.terminated.as_ref().and_then(|times| time(times.finished_at.as_ref()));
        // Both times are cut to the second.
        let made = started.map(|started| before.unwrap_or(0)..started + SECOND);
        Some(Self { id: id.to_owned(), restarts: status.restart_count, made })
    }

    fn is(&self, run: Run) -> bool {
        match run {
            Run::Restart(count) => self.restarts == count,
            Run::Now => self.made.is_some(),
            Run::MadeAt(time) => self.made.as_ref().is_some_and(|made| made.contains(&time)),
        }
    }
}

fn addresses(pod: &Pod) -> Vec<String> {
    let is_its_own = !pod.spec.host_network && !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    pod.status.pod_ips.iter().filter(|_| is_its_own).map(|address| address.ip.clone()).collect()
}

/// The controllers above a pod, each by the name of its attribute, the nearest first.
pub fn owners(metadata: &Metadata) -> Vec<(&'static str, String)> {
    let Some(owner) = metadata.owner_references.iter().find(|owner| owner.controller) else { return Vec::new() };
    let name = owner.name.clone();
    match owner.kind.as_str() {
        "ReplicaSet" => {
            // A Deployment names its ReplicaSets after itself and the hash of their template.
            let hash = metadata.labels.get("pod-template-hash");
            let above = hash.and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-').map(str::to_owned));
            let above = above.map(|name| ("k8s.deployment.name", name));
            std::iter::once(("k8s.replicaset.name", name)).chain(above).collect()
        }
        "StatefulSet" => vec![("k8s.statefulset.name", name)],
        "DaemonSet" => vec![("k8s.daemonset.name", name)],
        "Job" => {
            // A CronJob names its Jobs after itself and the minutes since 1970, which have eight digits until 2160.
            let above = name
                .rsplit_once('-')
                .filter(|(_, minutes)| minutes.len() == 8 && minutes.bytes().all(|digit| digit.is_ascii_digit()));
            let above = above.map(|(name, _)| ("k8s.cronjob.name", name.to_owned()));
            std::iter::once(("k8s.job.name", name)).chain(above).collect()
        }
        _ => Vec::new(),
    }
}

/// What a service is called after: the highest of its controllers.
fn best(owners: &[(&'static str, String)]) -> Option<String> {
    owners.last().map(|(_, name)| name.clone())
}

fn containers(pod: &Pod) -> Vec<Container> {
    let statuses = || pod.status.container_statuses.iter().chain(&pod.status.init_container_statuses);
    let all = pod.spec.containers.iter().chain(&pod.spec.init_containers);
    let known = all.map(|one| Container {
        name: one.name.clone(),
        image: one.image.clone(),
        running: statuses().find(|status| status.name == one.name).and_then(Running::of),
        reserved: Reserved::of(&one.resources),
    });
    known.collect()
}

fn volumes(pod: &Pod) -> Vec<(String, String)> {
    let named = pod.spec.volumes.iter().filter_map(|one| Some((one.name.clone(), one.source.keys().next()?.clone())));
    named.collect()
}

/// Name and tag of `registry:5000/team/app:1.2@sha256:…`.
pub fn image(reference: &str) -> (&str, Option<&str>) {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
        _ => (name, None),
    }
}

#[cfg(test)]
mod tests;
