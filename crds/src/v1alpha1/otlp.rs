//! What a role takes over OTLP, and from whom: `spec.gateway.otlp`, `spec.gateway.auth` and the same of agents.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Authority, Certificate, SecretKey};
use crate::quantity::Duration;

/// The OTLP receiver.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = (
    "(has(self.grpc) && has(self.grpc.port) ? self.grpc.port : 4317) != (has(self.http) && has(self.http.port) ? self.http.port : 4318)",
    "grpc and http cannot share a port; use two"
))]
pub struct Otlp {
    /// OTLP over gRPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// OTLP over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// TLS on both ports. Absent: none. A renewed certificate is used for new connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// OTLP over gRPC.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Grpc {
    /// Port of the Service, and of the node where agents listen there. Absent: 4317.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
}

/// OTLP over HTTP.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Http {
    /// Port of the Service, and of the node where agents listen there. Absent: 4318.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Pages of which origins may send from a browser. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
}

/// Which pages may send from a browser.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cors {
    /// Origins such as https://shop.example, each with at most one * for any text. An empty list: no page may send.
    /// Absent: every page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 300)))]
    pub allowed_origins: Option<Vec<String>>,
    /// How long a browser need not ask again. Absent: 2h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Duration>,
}

/// TLS of the receiver: its certificate, and whose certificates it asks for.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tls {
    /// Secret of type kubernetes.io/tls with the server's certificate and key.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// Authorities of client certificates. Present: every sender needs a certificate of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<Authority>,
}

impl Tls {
    pub fn certificate(&self) -> Certificate {
        Certificate { secret_name: self.secret_name.clone() }
    }
}

/// Who may send. A request without a valid token is answered 401 or UNAUTHENTICATED.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.tokens) != has(self.oidc)",
    "say how senders show who they are: either tokens or oidc"
))]
pub struct Auth {
    /// Keys of Secrets, with a token on each line. A request needs one of all these in its header `Authorization`,
    /// bare or after `Bearer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16))]
    pub tokens: Vec<SecretKey>,
    /// Tokens signed by an OpenID Connect issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
}

/// An OpenID Connect issuer.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Oidc {
    /// The claim `iss`, letter by letter. /.well-known/openid-configuration below it tells where the keys are.
    #[schemars(length(min = 1, max = 1000))]
    #[x_kube(validation = (
        "self.startsWith('https://') && !self.contains('@')",
        "an issuer is believed over TLS alone: use https://, without credentials"
    ))]
    pub issuer: String,
    /// What the claim `aud` must hold.
    #[schemars(length(min = 1, max = 1000))]
    pub audience: String,
    /// Authorities that are trusted for the issuer besides the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Authority>,
}
