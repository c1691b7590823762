//! `spec.networkPolicy`: who may reach the pods, and whom they may reach.

use k8s_openapi::api::networking::v1::{NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::native;

/// One NetworkPolicy for each role. All is denied but: OTLP, Fluent and syslog in, from `senders` and from the resource's own collectors;
/// probes and metrics in; out to DNS, for others to their gateways, for gateways to the ports of ClickHouse, and to the port of
/// an OIDC issuer. It has an effect where the cluster's network enforces policies.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkPolicy {
    /// Who may send. Absent: everybody who reaches the pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::list::<NetworkPolicyPeer>")]
    pub senders: Vec<NetworkPolicyPeer>,
    /// What else may come in, for example to a sidecar.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::list::<NetworkPolicyIngressRule>")]
    pub ingress: Vec<NetworkPolicyIngressRule>,
    /// What else may go out. ClickHouse behind a Service whose port differs from that of its pods needs its pods' port
    /// here: policies see what Services have translated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "native::list::<NetworkPolicyEgressRule>")]
    pub egress: Vec<NetworkPolicyEgressRule>,
}
