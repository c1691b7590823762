//! `syslog` of gateways and agents: what hosts, network devices and old programs send.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Tls;

/// Syslog (RFC 5424 and RFC 3164) over TCP and UDP. It has no answers and no credentials.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Syslog {
    /// Port of the Service, TCP and UDP, and of the node where agents listen there. Absent: 5140; syslog's own is 514.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// TLS over TCP. Present: UDP, which has none, is not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}
