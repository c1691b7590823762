//! `spec.gateway`: the collectors that write to ClickHouse, or forward to a gateway that does.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{
    Auth, Autoscaling, DisruptionBudget, FluentForward, ForwardTo, Ingress, Otlp, PodSettings, Spool, Syslog,
    UpdateStrategy,
};
use crate::config::{Blocks, Limits, Shutdown, Transform};

/// Gateways: a Deployment behind a Service.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = (
        "!has(self.forwardTo) || !has(self.blocks)",
        "blocks are made where rows are stored, not by gateways with forwardTo; remove blocks"
    ),
    validation = (
        "!has(self.forwardTo) || !has(self.transform)",
        "records are opened where rows are stored, not by gateways with forwardTo; remove transform"
    ),
    validation = (
        "!has(self.forwardTo) || !has(self.spool) || !has(self.spool.siblings)",
        "gateways with forwardTo make no blocks to hand to siblings; remove spool.siblings"
    )
)]
pub struct Gateway {
    /// How many gateways. Few with large blocks cost ClickHouse less than many with small ones; two survive the
    /// loss of a node.
    #[serde(default = "two")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// Block present: the number of gateways follows their load, and `replicas` is not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
    /// What is taken over OTLP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otlp: Option<Otlp>,
    /// What Fluentd and Fluent Bit send. Present: on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fluent_forward: Option<FluentForward>,
    /// What speaks syslog. Present: on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syslog: Option<Syslog>,
    /// Who may send over OTLP. Absent: everybody who reaches the ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Forward to another gateway instead of writing to ClickHouse, such as from a region to the centre. Present: in
    /// place of `spec.clickhouse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_to: Option<ForwardTo>,
    /// When an open block is closed and inserted: whichever comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
    /// What is done to records besides what ClickStack's own collector does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// Block present: an Ingress to OTLP/HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Block present: deliveries are kept on disk until their rows are stored, or until the gateway that is forwarded to
    /// has taken them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<Spool>,
    /// What a gateway holds at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// How a gateway ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<Shutdown>,
    /// How gateways are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_strategy: Option<UpdateStrategy>,
    /// How many gateways may be evicted at once. There always is a budget; an absent or empty block means one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption_budget: Option<DisruptionBudget>,
    #[serde(flatten)]
    pub pod: PodSettings,
}

const fn two() -> i32 {
    2
}
