//! A Deployment, a StatefulSet or a DaemonSet as numbers that mean the same for all. Pure.
//!
//! Numbers are believed only when the workload's controller has seen the workload's last generation.

use crds::config::Role;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, DeploymentCondition, StatefulSet};
use serde::Deserialize as _;
use serde_json::Value;

use super::Trouble;
use crate::{
    desired::{CONFIG, Kind},
    labels,
};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// The numbers speak of the workload's last generation.
    pub is_believed: bool,
    pub desired: i32,
    pub ready: i32,
    pub updated: i32,
    pub available: i32,
    /// All pods, old ones too.
    pub total: i32,
    /// Name of the configuration in the pod template.
    pub revision: Option<String>,
    /// What the workload's own controller complains of.
    pub troubles: Vec<Trouble>,
}

/// The role whose pods an object starts, and how it does; none if it starts none.
pub fn read(kind: Kind, object: &Value) -> Option<(Role, Workload)> {
    let component = &object["metadata"]["labels"][labels::COMPONENT];
    let is_cluster = component.as_str() == Some(Role::Cluster.as_str());
    match kind {
        Kind::Deployment => {
            let role = if is_cluster { Role::Cluster } else { Role::Gateway };
            Some((role, Workload::from(&Deployment::deserialize(object).ok()?)))
        }
        Kind::StatefulSet => Some((Role::Gateway, Workload::from(&StatefulSet::deserialize(object).ok()?))),
        Kind::DaemonSet => Some((Role::Agent, Workload::from(&DaemonSet::deserialize(object).ok()?))),
        _ => None,
    }
}

impl Workload {
    /// Whether its pods can take over from another workload's.
    pub fn is_rolled_out(&self) -> bool {
        self.is_believed && self.rollout_left().is_none() && self.ready.min(self.available) >= self.desired
    }

    /// What is still to do before only pods of the last generation exist.
    pub fn rollout_left(&self) -> Option<String> {
        let Self { desired, updated, total, .. } = self;
        if !self.is_believed {
            return None;
        }
        if updated < desired {
            return Some(format!("{updated} of {desired} pods are of this generation"));
        }
        (total > desired).then(|| format!("{} pods of an earlier generation are still there", total - desired))
    }
}

impl From<&Deployment> for Workload {
    fn from(object: &Deployment) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        let conditions = status.conditions.unwrap_or_default();
        Self {
            is_believed: is_believed(status.observed_generation, object.metadata.generation),
            desired: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            ready: status.ready_replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            total: status.replicas.unwrap_or(0),
            revision: spec.and_then(|spec| revision(&spec.template)),
            troubles: conditions.iter().filter_map(complaint).collect(),
        }
    }
}

impl From<&StatefulSet> for Workload {
    fn from(object: &StatefulSet) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let spec = object.spec.as_ref();
        Self {
            is_believed: is_believed(status.observed_generation, object.metadata.generation),
            desired: spec.and_then(|spec| spec.replicas).unwrap_or(1),
            ready: status.ready_replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            total: status.replicas,
            revision: spec.and_then(|spec| revision(&spec.template)),
            troubles: Vec::new(),
        }
    }
}

impl From<&DaemonSet> for Workload {
    fn from(object: &DaemonSet) -> Self {
        let status = object.status.clone().unwrap_or_default();
        Self {
            is_believed: is_believed(status.observed_generation, object.metadata.generation),
            desired: status.desired_number_scheduled,
            ready: status.number_ready,
            updated: status.updated_number_scheduled.unwrap_or(0),
            available: status.number_available.unwrap_or(0),
            total: status.current_number_scheduled,
            revision: object.spec.as_ref().and_then(|spec| revision(&spec.template)),
            troubles: Vec::new(),
        }
    }
}

fn is_believed(observed: Option<i64>, generation: Option<i64>) -> bool {
    observed.is_some() && observed >= generation
}

fn revision(template: &k8s_openapi::api::core::v1::PodTemplateSpec) -> Option<String> {
    let volumes = template.spec.as_ref()?.volumes.as_ref()?;
    let config = volumes.iter().find(|volume| volume.name == CONFIG)?;
    config.config_map.as_ref().map(|source| source.name.clone())
}

/// Pods that cannot even be made (a quota, an admission webhook) show nowhere else.
fn complaint(condition: &DeploymentCondition) -> Option<Trouble> {
    let reason = condition.reason.as_deref().unwrap_or("Unknown");
    let is_bad = match condition.type_.as_str() {
        "ReplicaFailure" => condition.status == "True",
        "Progressing" => condition.status == "False",
        _ => false,
    };
    is_bad.then(|| not_started(reason, condition.message.as_deref().unwrap_or(reason)))
}

/// Why no pod can be made. What comes before the cause names a pod that never was, another one at each try.
pub fn not_started(reason: &str, message: &str) -> Trouble {
    let why = message.split_once(" is forbidden: ").map_or(message, |(_, why)| why);
    let reason = if why.starts_with("exceeded quota") { "QuotaExceeded" } else { reason };
    Trouble { rank: 2, reason: reason.to_owned(), message: format!("pods cannot be started: {why}") }
}
