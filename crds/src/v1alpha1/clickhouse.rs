//! `spec.clickhouse`: the destination. Secrets are references, never values.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::ClientTls;
use crate::{
    config::{Retention, Schema},
    quantity::Duration,
};

/// A ClickHouse server, who to be there, and the tables to keep.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.endpoint) || has(self.endpoints)", "no address; add endpoint, or endpoints for several"),
    validation = (
        "!has(self.endpoint) || !has(self.endpoints)",
        "endpoint and endpoints exclude each other; put all addresses into endpoints"
    ),
    validation = (
        "!has(self.tls) || (has(self.endpoint) && self.endpoint.startsWith('https://')) || (has(self.endpoints) && self.endpoints.exists(e, e.startsWith('https://')))",
        "no endpoint is https://, so tls would be ignored; write https:// or remove tls"
    )
)]
pub struct ClickHouse {
    /// Address of ClickHouse's HTTP interface: http://host:8123 or https://host:8443. Either this or `endpoints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(validation = (
        "self.matches('^https?://[^/@?#\\\\s]+/?$')",
        "use http://host:8123 or https://host:8443, without path, query or credentials (credentials go into a Secret)"
    ))]
    pub endpoint: Option<String>,
    /// Several addresses of one server, or of replicas of the same tables. The first one that works is used, until it
    /// fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 300)))]
    #[x_kube(validation = (
        "self.all(endpoint, endpoint.matches('^https?://[^/@?#\\\\s]+/?$'))",
        "use http://host:8123 or https://host:8443, without path, query or credentials (credentials go into a Secret)"
    ))]
    pub endpoints: Vec<String>,
    /// Database the tables live in; created when absent.
    #[serde(default = "crate::config::ClickHouse::default_database")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub database: String,
    /// Secret with the user's name and password. Absent: user `default` without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// How the server of an https endpoint is known, and how gateways show who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Longest time of one insert. Absent: 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How long a block is tried before its senders are told to send again later. Absent: 6s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<Duration>,
    /// How long rows are kept, by signal; the TTL of tables that are made. Tables that are there keep theirs unless
    /// `schema.reconcileRetention` is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// How tables are made, and what is done to those that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Schema>,
}

/// A Secret in the resource's namespace, and the keys to read in it.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Credentials {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// Key of the user's name.
    #[serde(default = "username")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub username_key: String,
    /// Key of the password.
    #[serde(default = "password")]
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub password_key: String,
}

fn username() -> String {
    "username".to_owned()
}

fn password() -> String {
    "password".to_owned()
}
