//! `CollectorConfig`: the one file a collector reads, written by the operator or by hand.
//!
//! Comes in: YAML (or JSON, its subset). Goes out: a typed document and, from [`CollectorConfig::problems`],
//! everything about it that cannot work. Must not read files, the environment or secrets: credentials are
//! paths, their contents stay out of this document.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{
    problem::Problem,
    quantity::{ByteSize, Duration},
};

mod check;
mod clickhouse;
mod client;
mod cluster;
mod container_logs;
mod host_metrics;
mod kubelet_metrics;
mod kubernetes;
mod opamp;
mod receivers;
mod schema;
mod spool;

pub use check::{clickhouse_endpoint_problem, database_problem, receivers::is_safe_issuer};
pub use clickhouse::{ClickHouse, Retention};
pub use client::ClientTls;
pub use cluster::{ClusterEvents, ClusterMetrics};
pub use container_logs::{ContainerLogs, Namespaces, StartAt};
pub use host_metrics::HostMetrics;
pub use kubelet_metrics::KubeletMetrics;
pub use kubernetes::{Kubernetes, KubernetesApi, KubernetesAttributes, Lease, LeaseOwner};
pub use opamp::{Opamp, PATH as OPAMP_PATH, opamp_endpoint_problem};
pub use receivers::{Auth, Cors, FluentForward, Oidc, Otlp, Receivers, Syslog, Tls};
pub use schema::Schema;
pub use spool::Spool;

/// The whole file. Unknown fields are refused, so that a typo is an error and not a default.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CollectorConfig {
    /// Which inputs and which outlet this process runs.
    pub role: Role,
    #[serde(default)]
    pub receivers: Receivers,
    /// Where a gateway writes. A gateway has either this or `forward`, others must not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clickhouse: Option<ClickHouse>,
    /// Where deliveries are passed on. Others than a gateway need it; a gateway that has it stores nothing itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// What an agent adds of the cluster it runs in, and how collectors of the role `cluster` take turns. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<Kubernetes>,
    /// What is done to records besides what ClickStack's own collector does.
    #[serde(default, skip_serializing_if = "Transform::is_usual")]
    pub transform: Transform,
    #[serde(default)]
    pub blocks: Blocks,
    /// Where a gateway keeps deliveries until they are stored. Absent: nowhere, and senders wait for ClickHouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<Spool>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub admin: Admin,
    #[serde(default)]
    pub shutdown: Shutdown,
}

/// A part a collector plays in the cluster.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One for all nodes: reads what the API server tells of the cluster, and forwards it to a gateway.
    Cluster,
    /// On every node, near the senders; forwards OTLP to a gateway.
    Agent,
    /// Takes from agents and other senders; writes to ClickHouse, or forwards to a gateway that does.
    Gateway,
}

/// The gateways that deliveries are passed on to, over OTLP/gRPC.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Forward {
    /// `http://host:4317` or `https://host:4317`. Every address the host name resolves to is used, in turn.
    pub endpoint: String,
    /// How the gateways of an `https` endpoint are known, and how this client is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// File whose first line is the token shown to gateways, read anew at every delivery. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// How long one attempt may take.
    #[serde(default = "Forward::default_timeout")]
    pub timeout: Duration,
    /// How long a delivery is tried, over all gateways, before its sender is told to send again later.
    #[serde(default = "Forward::default_retry_for")]
    pub retry_for: Duration,
    /// With a spool: how long a delivery that a gateway may have, because it was under way when the connection broke or
    /// this process ended, waits for that gateway before another gets it, which may store it a second time.
    #[serde(default = "Forward::default_same_gateway_for")]
    pub same_gateway_for: Duration,
}

/// What a gateway that stores rows does to records.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Transform {
    /// Read numbers as levels, as pino and bunyan write them (10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal),
    /// for log records without a severity and without a level that is a text. ClickStack's own collector looks for a word
    /// in the body instead.
    pub numeric_levels: bool,
}

/// When an open block is closed and inserted: whichever comes first.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Blocks {
    /// Rows in a block. Larger blocks cost ClickHouse less a row.
    #[cfg_attr(feature = "kubernetes", schemars(range(min = 1, max = 1_000_000)))]
    pub max_rows: u32,
    /// Bytes in a block before compression.
    pub max_bytes: ByteSize,
    /// Time from a block's first row to its insert. Senders wait this long for their answer.
    pub max_age: Duration,
}

/// What a collector holds at most.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Limits {
    /// Largest request accepted, after decompression. Absent: 64 MiB, the size OTLP recommends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_bytes: Option<ByteSize>,
    /// Bytes of accepted requests held at once. Absent: 40 % of the memory limit of this process's cgroup,
    /// or 512 MiB where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_budget: Option<ByteSize>,
}

/// Listening addresses for probes and metrics.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Admin {
    pub health: SocketAddr,
    pub metrics: SocketAddr,
}

/// What happens between SIGTERM and the end of the process.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[cfg_attr(feature = "kubernetes", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Shutdown {
    /// Not ready but still serving, so that endpoints and load balancers look away first.
    pub lame_duck: Duration,
    /// Longest time for everything accepted to be answered after that.
    pub timeout: Duration,
}

impl CollectorConfig {
    /// A gateway with every default but its destination.
    pub fn gateway(clickhouse: ClickHouse) -> Self {
        Self {
            role: Role::Gateway,
            receivers: Receivers::default(),
            clickhouse: Some(clickhouse),
            forward: None,
            kubernetes: None,
            transform: Transform::default(),
            blocks: Blocks::default(),
            spool: None,
            limits: Limits::default(),
            admin: Admin::default(),
            shutdown: Shutdown::default(),
        }
    }

    /// Reads the YAML form.
    ///
    /// # Errors
    /// A syntax error, an unknown or a missing field, or a value of the wrong kind; the message names the
    /// field and its line.
    pub fn from_yaml(text: &str) -> Result<Self, serde_saphyr::Error> {
        serde_saphyr::from_str(text)
    }

    /// Everything that is well-formed but cannot work. Empty: the collector will start with it.
    pub fn problems(&self) -> Vec<Problem> {
        check::problems(self)
    }
}

impl Role {
    /// In the order in which they are started: others need gateways.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Agent, Self::Cluster];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Agent => "agent",
            Self::Gateway => "gateway",
        }
    }
}

impl Forward {
    /// A gateway with every default, reached at `endpoint`.
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            tls: None,
            token_file: None,
            timeout: Self::default_timeout(),
            retry_for: Self::default_retry_for(),
            same_gateway_for: Self::default_same_gateway_for(),
        }
    }

    /// Longer than a gateway needs to say "retry" by itself, unless an insert of its own hangs: block age +
    /// `clickhouse.retryFor`, doubled.
    pub const fn default_timeout() -> Duration {
        Duration::seconds(15)
    }

    pub const fn default_retry_for() -> Duration {
        Duration::seconds(8)
    }

    /// A container that was killed is back in seconds, a pod with a volume within a minute. A gateway that is gone for good
    /// holds up what was under way to it for as long, and nothing else.
    pub const fn default_same_gateway_for() -> Duration {
        Duration::seconds(60)
    }
}

impl Transform {
    /// What nobody has said is not written either.
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Blocks {
    /// 100,000 rows: the size from which ClickHouse's cost a row no longer falls. 64 MiB: such a block at
    /// 600 bytes a row. One second: the insert rate ClickHouse recommends for a table.
    fn default() -> Self {
        Self { max_rows: 100_000, max_bytes: ByteSize::mebibytes(64), max_age: Duration::seconds(1) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { health: any_address(13133), metrics: any_address(8888) }
    }
}

impl Default for Shutdown {
    /// Together below the 30 s of a pod's default grace period.
    fn default() -> Self {
        Self { lame_duck: Duration::seconds(2), timeout: Duration::seconds(20) }
    }
}

const fn any_address(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), port)
}

#[cfg(test)]
mod tests;
