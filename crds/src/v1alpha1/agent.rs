//! `spec.agent`: the collectors on every node.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Resources;

/// Agents: a DaemonSet, and a Service that always reaches the agent of the sender's own node.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Agent {
    /// Also listen on ports 4317 and 4318 of the node itself.
    #[serde(default = "yes")]
    pub host_port: bool,
    /// CPU and memory of each agent. The memory limit sets how much an agent accepts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

const fn yes() -> bool {
    true
}
