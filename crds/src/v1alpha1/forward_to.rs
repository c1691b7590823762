//! `spec.gateway.forwardTo`: a central gateway that stores what these gateways take.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{ClientTls, SecretKey};
use crate::quantity::Duration;

/// Another gateway, such as the central one of several regions. These gateways take what is sent to them, pass it on
/// unopened, and answer what that gateway answers; they need no ClickHouse.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.tls) || self.endpoint.startsWith('https://')",
    "the endpoint is not https://, so tls would be ignored; write https:// or remove tls"
))]
pub struct ForwardTo {
    /// OTLP/gRPC address of that gateway: http://host:4317 or https://host:4317, the port 4317 where none is given.
    /// Every address its name resolves to is used in turn. Inside a cluster name the headless Service
    /// (<name>-gateway-pods.<namespace>.svc), so that all gateways behind it are known.
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(validation = (
        "self.matches('^https?://[^/@?#\\\\s]+/?$')",
        "use http://host:4317 or https://host:4317, without path, query or credentials (a token goes into auth)"
    ))]
    pub endpoint: String,
    /// What is shown to it. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<ForwardAuth>,
    /// How the gateway of an https endpoint is known, and how these show who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Longest time of one attempt. Absent: 15s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long a delivery is tried, over all addresses, before its sender is told to send again later. Absent: 8s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<Duration>,
    /// With a spool: how long a delivery that a gateway may have, because it was under way when one of both was killed,
    /// waits for that gateway before another gets it, which may store it a second time. Absent: 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_gateway_for: Option<Duration>,
}

/// What is shown to the gateway that is forwarded to.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ForwardAuth {
    /// Key of a Secret with a token, one of those in that gateway's auth.tokens. Its first line is sent with every
    /// delivery, in the header `Authorization` after `Bearer`.
    pub token: SecretKey,
}
