//! The command line and its environment. Comes in: `argv`. Goes out: [`Args`]. Must not act on it.

use std::net::SocketAddr;

use clap::{Parser, Subcommand, ValueEnum};

/// Makes agents, gateways and their like of every ClickStackCollector, and says what is true of them.
#[derive(Clone, Debug, Parser)]
#[command(name = "clickstack-operator", version)]
pub struct Args {
    /// What to do instead of looking after resources.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Namespace to look after; repeat for several. None: all namespaces.
    #[arg(long = "namespace", env = "WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE")]
    pub namespaces: Vec<String>,
    /// ClusterRole that agents which ask the API server are bound to. None: this operator may bind nobody.
    #[arg(long, value_name = "CLUSTERROLE")]
    pub agent_cluster_role: Option<String>,
    /// ClusterRole that collectors of the role cluster are bound to. None: this operator may bind none of them.
    #[arg(long, value_name = "CLUSTERROLE")]
    pub cluster_cluster_role: Option<String>,
    /// Collector image (repository:tag) of resources that name none.
    #[arg(long, env = "CLICKSTACK_COLLECTOR_IMAGE", default_value = concat!("clickstack/clickstack-collector:", env!("CARGO_PKG_VERSION")))]
    pub collector_image: String,
    /// Namespace of the leader lease. Default: the client's own namespace.
    #[arg(long, env = "POD_NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// Name of the leader lease.
    #[arg(long, env = "LEASE_NAME", default_value = "clickstack-operator")]
    pub lease_name: String,
    /// Name of this process in the lease. Default: a random one.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Address of /live, /ready and /metrics.
    #[arg(long, env = "ADMIN_ADDRESS", default_value = "0.0.0.0:8080")]
    pub admin_address: SocketAddr,
    /// Form of the log lines on standard error.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Ask a running operator whether it is ready, and end with 0 when it says so.
    Check {
        /// Host and port of its /ready.
        address: String,
        /// How long to ask, in seconds.
        #[arg(long, default_value_t = 30, value_name = "SECONDS")]
        within: u64,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}
