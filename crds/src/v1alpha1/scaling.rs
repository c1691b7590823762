//! `spec.gateway.autoscaling`: as many gateways as there is work for.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Bounds, and when to add or remove gateways. The operator makes a HorizontalPodAutoscaler and leaves their number to
/// it. Needs the metrics API of the cluster (metrics-server).
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = ("self.minReplicas <= self.maxReplicas", "minReplicas is above maxReplicas; swap or mend them"))]
pub struct Autoscaling {
    /// Never fewer gateways than these.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: i32,
    /// Never more gateways than these.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// Share of the CPU request that gateways should use on average, in percent. So set `resources.requests.cpu` to
    /// what one gateway should bear. Absent, and targetMemory too: 80.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "targetCPU")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_cpu: Option<i32>,
    /// Share of the memory request that gateways should use on average, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub target_memory: Option<i32>,
}

const fn two() -> i32 {
    2
}
