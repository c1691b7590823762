//! Comes in: a [`Plan`]. Goes out: every object it means, in the order in which they are needed.
//!
//! Pure, and the only place children come from.

use crds::config::Role;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        autoscaling::v2::HorizontalPodAutoscaler,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::{Ingress, NetworkPolicy},
        policy::v1::PodDisruptionBudget,
        rbac::v1::{Role as Permission, RoleBinding},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource, core::ApiResource};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    labels,
    plan::{Plan, Scale},
};

mod access;
mod agent;
pub mod amount;
mod cluster;
mod config_map;
mod disruption;
mod gateway;
mod ingress;
pub mod merge_key;
mod network;
pub mod overlay;
mod pod;
mod scaler;
mod service;

pub use pod::{COLLECTOR, CONFIG};

/// The kinds of children there are.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    ServiceAccount,
    Role,
    RoleBinding,
    ConfigMap,
    Service,
    Ingress,
    PodDisruptionBudget,
    NetworkPolicy,
    HorizontalPodAutoscaler,
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// One object as it should be, as the API server is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    pub kind: Kind,
    pub name: String,
    pub role: Role,
    /// The bounds within which somebody else decides how many pods a workload has; `object` does not say it then.
    pub scale: Option<Scale>,
    pub object: Value,
}

/// Everything a plan means. What pods need comes before the workloads.
pub fn desired(plan: &Plan) -> Vec<Child> {
    let mut children = Vec::new();
    if let Some(gateway) = &plan.gateway {
        children.extend(gateway::children(plan, gateway));
    }
    if let Some(agent) = &plan.agent {
        children.extend(agent::children(plan, agent));
    }
    if let Some(cluster) = &plan.cluster {
        children.extend(cluster::children(plan, cluster));
    }
    if let Some(wanted) = &plan.network_policy {
        let roles = Role::ALL.into_iter().filter(|role| plan.pod(*role).is_some());
        children.extend(roles.map(|role| network::policy(plan, role, wanted)));
    }
    children.sort_by_key(|child| child.kind);
    children
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::ConfigMap,
        Self::Service,
        Self::Ingress,
        Self::PodDisruptionBudget,
        Self::NetworkPolicy,
        Self::HorizontalPodAutoscaler,
        Self::Deployment,
        Self::StatefulSet,
        Self::DaemonSet,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// Whether it starts pods, and so must come after what pods need.
    pub const fn is_workload(self) -> bool {
        matches!(self, Self::Deployment | Self::StatefulSet | Self::DaemonSet)
    }

    pub fn api_resource(self) -> ApiResource {
        match self {
            Self::ServiceAccount => ApiResource::erase::<ServiceAccount>(&()),
            Self::Role => ApiResource::erase::<Permission>(&()),
            Self::RoleBinding => ApiResource::erase::<RoleBinding>(&()),
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::Ingress => ApiResource::erase::<Ingress>(&()),
            Self::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::HorizontalPodAutoscaler => ApiResource::erase::<HorizontalPodAutoscaler>(&()),
            Self::Deployment => ApiResource::erase::<Deployment>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
        }
    }
}

/// Metadata every child has.
fn metadata(plan: &Plan, role: Role, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(plan.namespace.clone()),
        labels: Some(labels::all(&plan.name, role)),
        owner_references: Some(vec![plan.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// Seals an object: its hash goes into an annotation, so that a later wish for less is seen too.
fn child<K>(kind: Kind, role: Role, object: &K) -> Child
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Serialize,
{
    let name = object.meta().name.clone().unwrap_or_default();
    // Kubernetes' own types always have a JSON form.
    let mut object = serde_json::to_value(object).unwrap_or_default();
    let seal = hash(&object.to_string(), 16);
    object["metadata"]["annotations"][labels::DESIRED_HASH] = json!(seal);
    Child { kind, name, role, scale: None, object }
}

/// The first `letters` hexadecimal digits of SHA-256.
fn hash(text: &str, letters: usize) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(letters).map(hex_digit).collect()
}

const fn hex_digit(nibble: u8) -> char {
    (if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }) as char
}

#[cfg(test)]
mod tests;
