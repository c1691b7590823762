//! `ClickStackCollector`, `clickstack.io/v1alpha1`: what people write (spec) and read back (status).
//!
//! Everything the API server can check by itself is in the schema: required fields, ranges, enums and CEL
//! rules, with the remedy in the message. What needs the world (Secrets) is checked by the operator.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

mod agent;
mod clickhouse;
mod gateway;
mod pod;
mod status;

pub use agent::Agent;
pub use clickhouse::{ClickHouse, Credentials};
pub use gateway::Gateway;
pub use pod::{Image, PullPolicy, PullSecret, Resources};
pub use status::{Endpoints, RoleStatus, Status, condition};

/// Collects logs, metrics and traces over OTLP and stores them in ClickHouse, for ClickStack.
///
/// The spec has one block for each role; a block that is present is on, an empty block is on with its defaults.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "clickstack.io",
    version = "v1alpha1",
    kind = "ClickStackCollector",
    plural = "clickstackcollectors",
    singular = "clickstackcollector",
    shortname = "csc",
    category = "observability",
    namespaced,
    status = "Status",
    derive = "PartialEq",
    doc = "Collects telemetry over OTLP and stores it in ClickHouse, for ClickStack. One resource makes the agents on every node and the gateways they send to.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".status.gateway.pods"),
    printcolumn(name = "Agent", type_ = "string", json_path = ".status.agent.pods"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".status.endpoints.grpc"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.gateway) || has(self.agent)", "no role is on; add gateway: {} and, for the nodes, agent: {}"),
    validation = ("!has(self.agent) || has(self.gateway)", "agents need a gateway to send to; add gateway: {}")
)]
pub struct ClickStackCollectorSpec {
    /// The collector image; the operator's own default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Where telemetry is stored.
    pub clickhouse: ClickHouse,
    /// Collectors that write to ClickHouse, as a Deployment with a Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Collectors on every node, as a DaemonSet; they take OTLP from the node's pods and forward it to the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
}

#[cfg(test)]
mod tests;
