//! `spec.gateway.spool`, `spec.agent.spool`: where deliveries are kept until somebody else has them.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::quantity::{ByteSize, Duration};

/// With it, an answer means "on the gateway's disk", and an outage of ClickHouse holds up no sender until the spool is
/// full.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spool {
    /// Bytes each gateway may keep; the volume is a quarter larger, and 320Mi. At least four times `limits.requestBytes`.
    pub size: ByteSize,
    /// How long the first delivery may wait, 1m or more. When it has waited longer no more are taken until it is stored;
    /// nothing is dropped. Absent: size is the only bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
    /// Present: each gateway has a PersistentVolumeClaim of its own and is part of a StatefulSet, so that what it keeps
    /// outlives the pod and its node. Claims stay when gateways are removed: they may hold rows. Absent: an emptyDir,
    /// which outlives the container but not the pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_claim: Option<VolumeClaim>,
    /// How gateways know each other: one that is stopped hands what it cannot store to another. They show the first
    /// token of auth.tokens; with auth.oidc alone they have nothing to show, and hand nothing over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<Siblings>,
}

/// How a gateway meets another of the same resource.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Siblings {
    /// For gateways with otlp.tls. Absent: agent.forward.tls; without that too their certificate must be one of a public
    /// authority, for their Service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// What volumes are asked for. A change makes the StatefulSet anew around its pods; claims that are there stay as they
/// are.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VolumeClaim {
    /// Name of the StorageClass. Absent: the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub storage_class_name: Option<String>,
}

/// With it, an answer means "on this node's disk": an agent holds up no sender while gateways are away, and what it has
/// answered outlives its pod.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AgentSpool {
    /// Bytes each agent may keep below /var/lib/clickstack of its node. At least four times `limits.requestBytes`.
    pub size: ByteSize,
    /// How long the first delivery may wait, 1m or more. When it has waited longer no more are taken until it is stored;
    /// nothing is dropped. Absent: size is the only bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}
