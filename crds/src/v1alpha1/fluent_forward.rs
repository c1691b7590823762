//! `fluentForward` of gateways and agents: what Fluentd, Fluent Bit and their libraries send.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{SecretKey, Tls};

/// Fluent's forward protocol over TCP. Senders that ask for an answer (require_ack_response) get it once their records
/// are stored; heartbeats over UDP get none.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FluentForward {
    /// Port of the Service, and of the node where agents listen there. Absent: 24225, as ClickStack's own collector;
    /// Fluent's own is 24224.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// A key that senders must know (shared_key). Absent: everybody who reaches the port may send; with `auth` there must
    /// be one, or `tls.clientCa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_key: Option<SecretKey>,
    /// TLS on the port. Absent: none. A renewed certificate is used for new connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}
