//! `spec.clickhouse`: the destination. Secrets are references, never values.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A ClickHouse server and who to be there.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClickHouse {
    /// Address of ClickHouse's HTTP interface: http://host:8123 or https://host:8443.
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(validation = (
        "self.matches('^https?://[^/@?#\\\\s]+/?$')",
        "use http://host:8123 or https://host:8443, without path, query or credentials (credentials go into a Secret)"
    ))]
    pub endpoint: String,
    /// Database the tables live in; created when absent.
    #[serde(default = "crate::config::ClickHouse::default_database")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub database: String,
    /// Secret with the user's name and password. Absent: user `default` without a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
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
