//! The `receivers` section: what a collector listens to.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::any_address;

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Receivers {
    pub otlp: Otlp,
}

/// The OTLP receiver, <https://opentelemetry.io/docs/specs/otlp/>.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Otlp {
    /// Listening address of OTLP/gRPC.
    pub grpc: SocketAddr,
    /// Listening address of OTLP/HTTP.
    pub http: SocketAddr,
}

impl Default for Otlp {
    fn default() -> Self {
        Self { grpc: any_address(4317), http: any_address(4318) }
    }
}
