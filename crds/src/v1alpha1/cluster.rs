//! `spec.cluster`: the collector that reads what the API server tells of the cluster as a whole.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Forward, PodSettings, Resources, native, workload::texts};
use crate::{
    config::{Limits, Shutdown},
    quantity::Duration,
};

/// Collectors that read the cluster, as a Deployment, of which one acts at a time. An empty block reads everything there
/// is to read; otherwise what is named. The operator lets their ServiceAccount read what they ask for in all namespaces;
/// one that is limited to namespaces cannot, and the chart's `clusterReaders` does.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cluster {
    /// How many there are. One acts, and the others take over within seconds when it ends, or 15s after it vanished.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 5))]
    pub replicas: i32,
    /// Read Kubernetes' events of all namespaces, as log records. Present: on. Absent, and `metrics` too: both are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<ClusterEvents>,
    /// Measure the state of pods, containers, workloads, nodes, namespaces and quotas. Present: on. Absent, and `events`
    /// too: both are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<ClusterMetrics>,
    /// How deliveries are passed on to gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// What a collector holds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// How a collector ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// CPU and memory of each collector. Absent: 20m and 64Mi with a limit of 256Mi of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Labels a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "texts")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that are accepted. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::list::<Toleration>")]
    pub tolerations: Option<Vec<Toleration>>,
    /// Name of the PriorityClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
    /// Laid over the pod template the operator makes, as `agent.podTemplate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "native::pod_template")]
    pub pod_template: Option<Value>,
}

/// Which events are read.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterEvents {}

/// How the cluster is measured.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterMetrics {
    /// Between two measurements, 1s … 1h. Absent: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
}

impl Cluster {
    /// The settings of its pods, as other roles have them. What has no field here goes into `podTemplate`.
    pub fn pod(&self) -> PodSettings {
        PodSettings {
            resources: self.resources.clone(),
            node_selector: self.node_selector.clone(),
            tolerations: self.tolerations.clone(),
            priority_class_name: self.priority_class_name.clone(),
            pod_template: self.pod_template.clone(),
            ..PodSettings::default()
        }
    }
}

const fn one() -> i32 {
    1
}
