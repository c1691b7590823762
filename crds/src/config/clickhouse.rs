//! The `clickhouse` section: where a gateway writes, and the tables it keeps there.

use serde::{Deserialize, Serialize};

use super::{ClientTls, Schema};
use crate::quantity::Duration;

/// The HTTP interface of ClickHouse and what to write there.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClickHouse {
    /// `http://host:8123` or `https://host:8443`. Either this or `endpoints`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Several addresses of one server, or servers that replicate the same tables. The first one that works is
    /// used, until it fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<String>,
    /// How the server of an `https` endpoint is known, and how this client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    #[serde(default = "ClickHouse::default_database")]
    pub database: String,
    /// File holding the user's name, read anew at every request so that a rotated Secret takes effect
    /// without a restart. Absent: user `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_file: Option<String>,
    /// File holding the password; see `usernameFile`. Absent: no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// How long one insert may take before its outcome counts as unknown.
    #[serde(default = "ClickHouse::default_timeout")]
    pub timeout: Duration,
    /// How long a block is tried before its senders are told to send again later.
    #[serde(default = "ClickHouse::default_retry_for")]
    pub retry_for: Duration,
    #[serde(default)]
    pub retention: Retention,
    #[serde(default)]
    pub schema: Schema,
}

/// How long rows are kept, by signal; the tables' TTL.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    /// Of log records, and of the counts of their values.
    pub logs: Duration,
    /// Of spans, and of the counts of their values.
    pub traces: Duration,
    /// Of data points.
    pub metrics: Duration,
    /// Of session replays.
    pub sessions: Duration,
}

impl ClickHouse {
    /// A ClickHouse with every default, reached at `endpoint`.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: Some(endpoint.into()),
            endpoints: Vec::new(),
            tls: None,
            database: Self::default_database(),
            username_file: None,
            password_file: None,
            timeout: Self::default_timeout(),
            retry_for: Self::default_retry_for(),
            retention: Retention::default(),
            schema: Schema::default(),
        }
    }

    /// Every address, in the order in which they are tried.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.endpoint.iter().chain(&self.endpoints).map(String::as_str)
    }

    pub fn default_database() -> String {
        "default".to_owned()
    }

    /// A 100,000-row insert takes about half a second of an idle server; this is the time of a very busy one.
    pub const fn default_timeout() -> Duration {
        Duration::seconds(30)
    }

    /// Below the 10 s after which SDKs give up waiting for an answer and send again on their own. Looked at between
    /// tries: an insert that hangs is not cut short by it.
    pub const fn default_retry_for() -> Duration {
        Duration::seconds(6)
    }
}

impl Retention {
    /// The same time for every signal.
    pub const fn of(time: Duration) -> Self {
        Self { logs: time, traces: time, metrics: time, sessions: time }
    }
}

impl Default for Retention {
    /// 30 days, as ClickStack's own collector.
    fn default() -> Self {
        Self::of(Duration::seconds(30 * 86_400))
    }
}
