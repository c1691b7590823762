//! The `receivers` section: what a collector listens to, and who may send.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{
    any_address,
    cluster::{ClusterEvents, ClusterMetrics},
    container_logs::ContainerLogs,
    host_metrics::HostMetrics,
    kubelet_metrics::KubeletMetrics,
    opamp::Opamp,
};
use crate::quantity::Duration;

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Receivers {
    pub otlp: Otlp,
    /// Fluentd, Fluent Bit and what speaks as they do. Absent: they are not listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fluent_forward: Option<FluentForward>,
    /// Hosts and devices that speak syslog. Absent: they are not listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub syslog: Option<Syslog>,
    /// The logs of the node's containers. Absent: none. Only an agent reads them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_logs: Option<ContainerLogs>,
    /// What the node itself does. Absent: not measured. Only an agent measures it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_metrics: Option<HostMetrics>,
    /// What the node's pods, containers and volumes use, by its kubelet. Absent: not asked. Only an agent asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet_metrics: Option<KubeletMetrics>,
    /// What happens in the cluster. Absent: not read. Only the role `cluster` reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_events: Option<ClusterEvents>,
    /// What there is in the cluster, and how it fares. Absent: not measured. Only the role `cluster` measures it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_metrics: Option<ClusterMetrics>,
}

/// The OTLP receiver, <https://opentelemetry.io/docs/specs/otlp/>.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Otlp {
    /// Listening address of OTLP/gRPC.
    pub grpc: SocketAddr,
    /// Listening address of OTLP/HTTP.
    pub http: SocketAddr,
    /// Pages of which origins may send from a browser, over OTLP/HTTP.
    #[serde(skip_serializing_if = "is_default")]
    pub cors: Cors,
    /// Who may send. Empty: everybody who reaches the port.
    #[serde(skip_serializing_if = "is_default")]
    pub auth: Auth,
    /// TLS on both ports. Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// Fluent's forward protocol, <https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FluentForward {
    /// Listening address, TCP.
    pub address: SocketAddr,
    /// File with a key that senders must know. It is read again when it changes; connections that are open stay. Absent:
    /// everybody who reaches the port may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_key_file: Option<String>,
    /// Absent: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// Syslog, <https://www.rfc-editor.org/rfc/rfc5424> and <https://www.rfc-editor.org/rfc/rfc3164>.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Syslog {
    /// Listening address, TCP and UDP.
    pub address: SocketAddr,
    /// Over TCP. Present: UDP, which has none, is not listened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// <https://fetch.spec.whatwg.org/#http-cors-protocol>
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Cors {
    /// `https://shop.example`, with at most one `*` for any text. Empty: no page may send.
    pub allowed_origins: Vec<String>,
    /// How long a browser need not ask again.
    pub max_age: Duration,
}

/// One of its fields, or none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Auth {
    /// Files with a token on each line. A request needs one of them in its header `Authorization`, bare or after
    /// `Bearer`. They are read again when they change, so that a rotated Secret takes effect without a restart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_files: Vec<String>,
    /// Tokens signed by an issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
    /// Tokens that a server of the Open Agent Management Protocol tells of. Until it has, senders are told to send again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opamp: Option<Opamp>,
}

/// An OpenID Connect issuer, <https://openid.net/specs/openid-connect-discovery-1_0.html>.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Oidc {
    /// The claim `iss`, letter by letter; `/.well-known/openid-configuration` below it tells where the keys are.
    pub issuer: String,
    /// What the claim `aud` must hold.
    pub audience: String,
    /// Certificate authorities in PEM that are trusted for the issuer besides the public ones; read at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// Files in PEM. They are read again when they change; connections that are open stay.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tls {
    /// The server's certificate, and those between it and its authority.
    pub certificate_file: String,
    pub key_file: String,
    /// Authorities of client certificates. Present: every sender needs one (mTLS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca_file: Option<String>,
}

/// What nobody has said is not written either.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            grpc: any_address(4317),
            http: any_address(4318),
            cors: Cors::default(),
            auth: Auth::default(),
            tls: None,
        }
    }
}

impl Default for FluentForward {
    /// The port of ClickStack's own collector, which is not Fluent's own.
    fn default() -> Self {
        Self { address: any_address(24225), shared_key_file: None, tls: None }
    }
}

impl Default for Syslog {
    /// Not syslog's own port, 514, which is root's.
    fn default() -> Self {
        Self { address: any_address(5140), tls: None }
    }
}

impl Default for Cors {
    /// Every page, as ClickStack's own collector. Two hours: as long as browsers remember at most.
    fn default() -> Self {
        Self { allowed_origins: vec!["*".to_owned()], max_age: Duration::seconds(7200) }
    }
}
