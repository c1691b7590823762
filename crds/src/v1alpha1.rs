//! `ClickStackCollector`, `clickstack.io/v1alpha1`: what people write (spec) and read back (status).
//!
//! Everything the API server can check by itself is in the schema: required fields, ranges, enums and CEL
//! rules, with the remedy in the message. What needs the world (Secrets) is checked by the operator.

#![allow(clippy::duplicated_attributes, reason = "every printer column states its type")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::{CustomResource, CustomResourceExt, KubeSchema};
use serde::{Deserialize, Serialize};

mod agent;
mod clickhouse;
mod cluster;
mod fluent_forward;
mod forward_to;
mod gateway;
mod ingress;
mod native;
mod network;
mod otlp;
mod pod;
mod reference;
mod scaling;
mod spool;
mod status;
mod syslog;
mod workload;

pub use agent::{Agent, ContainerLogs, Forward, HostMetrics, KubeletMetrics};
pub use clickhouse::{ClickHouse, Credentials};
pub use cluster::{Cluster, ClusterEvents, ClusterMetrics};
pub use fluent_forward::FluentForward;
pub use forward_to::{ForwardAuth, ForwardTo};
pub use gateway::Gateway;
pub use ingress::Ingress;
pub use network::NetworkPolicy;
pub use otlp::{Auth, Cors, Grpc, Http, Oidc, Otlp, Tls};
pub use pod::{Image, PullPolicy, PullSecret, Resources};
pub use reference::{Authority, Certificate, ClientTls, SecretKey};
pub use scaling::Autoscaling;
pub use spool::{AgentSpool, Siblings, Spool, VolumeClaim};
pub use status::{ClickHouseStatus, Endpoints, RoleStatus, Status, condition};
pub use syslog::Syslog;
pub use workload::{DisruptionBudget, PodSettings, Service, ServiceType, UpdateStrategy};

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
    scale(
        spec_replicas_path = ".spec.gateway.replicas",
        status_replicas_path = ".status.gateway.desired",
        label_selector_path = ".status.gateway.selector"
    ),
    doc = "Collects telemetry over OTLP and stores it in ClickHouse, for ClickStack. One resource makes the agents on every node and the gateways they send to.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Gateway", type_ = "string", json_path = ".status.gateway.pods"),
    printcolumn(name = "Agent", type_ = "string", json_path = ".status.agent.pods"),
    printcolumn(name = "Cluster", type_ = "string", json_path = ".status.cluster.pods"),
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
    validation = ("!has(self.agent) || has(self.gateway)", "agents need a gateway to send to; add gateway: {}"),
    validation = ("!has(self.cluster) || has(self.gateway)", "the role cluster needs a gateway to send to; add gateway: {}"),
    validation = (
        "!has(self.gateway) || has(self.clickhouse) || has(self.gateway.forwardTo)",
        "gateways have nowhere to send; add clickhouse.endpoint, or gateway.forwardTo.endpoint where another gateway stores"
    ),
    validation = (
        "!has(self.gateway) || !has(self.clickhouse) || !has(self.gateway.forwardTo)",
        "gateways either store or forward; remove clickhouse or gateway.forwardTo"
    ),
    validation = (
        "!(has(self.agent) || has(self.cluster)) || !has(self.gateway) || !has(self.gateway.auth) || !has(self.gateway.auth.oidc)",
        "agents have no token of an issuer to show to their gateways, nor has the role cluster; use gateway.auth.tokens, or make gateways for outside senders with a resource of their own"
    ),
    validation = (
        "!has(self.cluster) || !has(self.cluster.forward) || !has(self.cluster.forward.tls) || (has(self.gateway) && has(self.gateway.otlp) && has(self.gateway.otlp.tls))",
        "the gateways speak no TLS, so cluster.forward.tls would be ignored; add gateway.otlp.tls or remove it"
    ),
    validation = (
        "!has(self.agent) || !has(self.agent.forward) || !has(self.agent.forward.tls) || (has(self.gateway) && has(self.gateway.otlp) && has(self.gateway.otlp.tls))",
        "the gateways speak no TLS, so agent.forward.tls would be ignored; add gateway.otlp.tls or remove it"
    )
)]
pub struct ClickStackCollectorSpec {
    /// The collector image; the operator's own default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Change nothing in the cluster while this is true. What runs keeps running.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// `k8s.cluster.name` of everything agents read on their nodes, and of what is read of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub cluster_name: Option<String>,
    /// Where telemetry is stored. Gateways need it, unless they forward to another gateway (`gateway.forwardTo`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clickhouse: Option<ClickHouse>,
    /// Collectors that write to ClickHouse or forward to a gateway that does, as a Deployment (or a StatefulSet, see
    /// `spool`) with a Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Collectors on every node, as a DaemonSet; they take OTLP from the node's pods and forward it to the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// A collector that reads what the API server tells of the cluster as a whole, and forwards it to the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// Block present: pods may only be reached, and only reach, what their work needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<NetworkPolicy>,
}

/// The CustomResourceDefinition as the YAML that `crds/yaml` and `helm/crds` hold.
pub fn crd_yaml() -> Result<String, serde_saphyr::ser::Error> {
    let crd = serde_saphyr::to_string(&definition())?;
    Ok(format!("# Generated by `make crds`; the source is crds/src/v1alpha1.rs.\n{crd}"))
}

/// What the type says, and a status for resources that the operator has not looked at: without one, whoever waits by
/// the rules of kstatus takes a new resource for ready.
fn definition() -> CustomResourceDefinition {
    let mut crd = <ClickStackCollector as CustomResourceExt>::crd();
    let versions = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in versions.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        let status = schema.properties.as_mut().and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({ "conditions": [status::not_seen_yet()] })));
        }
    }
    crd
}

#[cfg(test)]
mod tests;
