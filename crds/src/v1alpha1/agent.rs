//! `spec.agent`: the collectors on every node.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Auth, Otlp, PodSettings, UpdateStrategy};
use crate::{
    config::{Limits, Shutdown},
    quantity::Duration,
};

/// Agents: a DaemonSet, and a Service that always reaches the agent of the sender's own node.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// Also listen on ports 4317 and 4318 of the node itself.
    #[serde(default = "yes")]
    pub host_port: bool,
    /// What is taken over OTLP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
    /// Who may send. Absent: everybody who reaches the ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How deliveries are passed on to gateways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// What an agent holds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// How an agent ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// How agents are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<UpdateStrategy>,
    #[serde(flatten)]
    pub pod: PodSettings,
}

/// How agents pass deliveries on.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forward {
    /// Longest time of one attempt. Absent: 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long a delivery is tried, over all gateways, before its sender is told to send again later. Absent: 8s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<Duration>,
}

const fn yes() -> bool {
    true
}
