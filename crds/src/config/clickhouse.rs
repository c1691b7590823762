//! The `clickhouse` section: where a gateway writes, and the tables it keeps there.

use serde::{Deserialize, Serialize};

use super::Schema;
use crate::quantity::Duration;

/// A ClickHouse server's HTTP interface and what to write there.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClickHouse {
    /// `http://host:8123` or `https://host:8443`.
    pub endpoint: String,
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
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Retention {
    pub logs: Duration,
    pub traces: Duration,
    pub metrics: Duration,
    pub sessions: Duration,
}

impl ClickHouse {
    /// A ClickHouse with every default, reached at `endpoint`.
    pub fn at(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            database: Self::default_database(),
            username_file: None,
            password_file: None,
            timeout: Self::default_timeout(),
            retry_for: Self::default_retry_for(),
            retention: Retention::default(),
            schema: Schema::default(),
        }
    }

    pub fn default_database() -> String {
        "default".to_owned()
    }

    /// A 100,000-row insert takes about half a second of an idle server; this is the time of a very busy one.
    const fn default_timeout() -> Duration {
        Duration::seconds(30)
    }

    /// Below the 10 s after which SDKs give up waiting for an answer and send again on their own. Looked at between
    /// tries: an insert that hangs is not cut short by it.
    const fn default_retry_for() -> Duration {
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
