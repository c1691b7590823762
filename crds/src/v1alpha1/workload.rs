//! How a role's pods are placed, replaced and reached.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Affinity, EnvVar, Toleration, TopologySpreadConstraint, VolumeMount},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Resources, native};

/// The pods of a role. What has no field here goes into `podTemplate`.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSettings {
    /// CPU and memory of each collector. The memory limit sets how much it accepts at once. Absent: gateways 100m and
    /// 128Mi with a limit of 512Mi of memory, agents 50m and 64Mi with a limit of 256Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "texts")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are accepted. Absent: gateways accept none, agents accept all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::list::<Toleration>")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Nodes and neighbours that pods prefer or need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::one::<Affinity>")]
    pub affinity: Option<Affinity>,
    /// How pods spread over the cluster. A constraint without labelSelector counts the role's pods. Absent: gateways
    /// over nodes where that is possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::list::<TopologySpreadConstraint>")]
    pub topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    /// Name of the PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// More environment variables of the collector. A Secret or ConfigMap they come from is waited for, and a change
    /// of it replaces the pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::list::<EnvVar>")]
    pub env: Vec<EnvVar>,
    /// More volumes of the pod, each with a name and its source as in a pod's `volumes`. A Secret or ConfigMap they
    /// come from is waited for, and a change of it replaces the pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::volumes")]
    pub volumes: Vec<Value>,
    /// Where the collector sees them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::list::<VolumeMount>")]
    pub volume_mounts: Vec<VolumeMount>,
    /// Laid over the pod template the operator makes, as a strategic merge patch: maps are merged, lists by the key of
    /// their elements (containers, volumes, env and others by name), other lists are replaced. A map with `$patch:
    /// replace` stands alone, one with `$patch: delete` goes, and so does what is null, which only server-side apply
    /// keeps. The collector is the container `collector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pod_template")]
    pub pod_template: Option<Value>,
    /// How the role is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// The Service of a role.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// How far it reaches.
    #[serde(default, rename = "type")]
    pub type_: ServiceType,
    /// Annotations, for example those a load balancer reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "texts")]
    pub annotations: BTreeMap<String, String>,
    /// Which load balancer is asked; for type LoadBalancer. Cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub load_balancer_class: Option<String>,
}

/// Kubernetes' own types of Services.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ServiceType {
    #[default]
    ClusterIP,
    NodePort,
    LoadBalancer,
}

/// How pods are replaced.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UpdateStrategy {
    /// Pods that may be missing while others are started: a number, or a share such as 10%. Absent: 0 gateways, 10% of
    /// the agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pods")]
    pub max_unavailable: Option<IntOrString>,
    /// Pods there may be beyond those wanted: a number, or a share. Absent: 1 gateway, 0 agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pods")]
    pub max_surge: Option<IntOrString>,
}

/// How many pods may be evicted at once, for example when nodes are drained.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.maxUnavailable) || !has(self.minAvailable)",
    "maxUnavailable and minAvailable exclude each other; remove one of both"
))]
pub struct DisruptionBudget {
    /// Pods that may be missing: a number, or a share such as 25%. Absent, and minAvailable too: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pods")]
    pub max_unavailable: Option<IntOrString>,
    /// Pods that must stay: a number, or a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pods")]
    pub min_available: Option<IntOrString>,
}

impl ServiceType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

pub(super) fn texts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 4096},
    })
}
