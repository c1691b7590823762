//! Who is measured: comes in an engine, goes out a running system with its addresses and its process. Must not know
//! what is sent.

use std::net::SocketAddr;

use serde::Serialize;
use tests::clickhouse::ClickHouse;
use tests::collector::{self, Collector};
use tests::peers::Peer;

use crate::cases::{Case, Encoding, Signal, Transport};

pub const DATABASE: &str = "otel";

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    ClickstackCollector,
    /// The same with a spool: its answers mean "on this disk".
    #[serde(rename = "clickstack-collector")]
    ClickstackCollectorSpool,
    Otelcol,
    Rotel,
}

/// A system that runs, with the tables it writes to.
#[derive(Debug)]
pub enum Running {
    /// With the folder of its spool, if it has one.
    Ours(Box<Collector>, #[expect(dead_code, reason = "it goes with the collector")] Option<tempfile::TempDir>),
    Peer(Box<Peer>),
}

impl System {
    pub const ALL: &'static [System] =
        &[System::ClickstackCollector, System::ClickstackCollectorSpool, System::Otelcol, System::Rotel];

    pub const fn name(self) -> &'static str {
        match self {
            System::ClickstackCollector => "clickstack-collector",
            System::ClickstackCollectorSpool => "clickstack-collector-spool",
            System::Otelcol => "otelcol",
            System::Rotel => "rotel",
        }
    }

    pub fn has_spool(self) -> bool {
        self == System::ClickstackCollectorSpool
    }

    /// Whether it has what the case asks for. Rotel has no table for session replays and takes no zstd over gRPC.
    pub fn takes(self, case: &Case) -> bool {
        let is_zstd_over_grpc = case.encoding == Encoding::Zstd && case.transport == Transport::Grpc;
        self != System::Rotel || !(case.signal == Signal::Sessions || is_zstd_over_grpc)
    }

    /// Whether its rows are those of the reference pipeline. Rotel does not parse bodies.
    pub fn transforms(self, case: &Case) -> bool {
        self != System::Rotel || case.signal != Signal::JsonLogs
    }

    pub async fn start(self, engine: &ClickHouse, case: &Case) -> anyhow::Result<Running> {
        match self {
            // With the blocks it has where nothing is configured, not with the small ones of the tests.
            System::ClickstackCollector | System::ClickstackCollectorSpool => {
                let folder = self.has_spool().then(tempfile::tempdir).transpose()?;
                let spool = folder.as_ref().map(|folder| serde_json::json!({"directory": folder.path().join("spool")}));
                let spool = spool.map(serde_json::from_value).transpose()?;
                let defaults = |config: &mut crds::config::CollectorConfig| {
                    config.blocks = Default::default();
                    config.spool = spool;
                };
                Ok(Running::Ours(Box::new(Collector::gateway(engine, defaults).await?), folder))
            }
            System::Otelcol => {
                collector::migrate(engine, DATABASE).await?;
                Ok(Running::Peer(Box::new(Peer::otelcol(engine, DATABASE).await?)))
            }
            System::Rotel => {
                collector::migrate(engine, DATABASE).await?;
                if case.signal.is_metric() {
                    nanosecond_times(engine, case.signal.table()).await?;
                }
                Ok(Running::Peer(Box::new(Peer::rotel(engine, DATABASE).await?)))
            }
        }
    }
}

impl Running {
    pub fn address(&self, transport: Transport) -> SocketAddr {
        match (self, transport) {
            (Running::Ours(ours, _), Transport::Http) => ours.config.receivers.otlp.http,
            (Running::Ours(ours, _), Transport::Grpc) => ours.config.receivers.otlp.grpc,
            (Running::Peer(peer), Transport::Http) => peer.http,
            (Running::Peer(peer), Transport::Grpc) => peer.grpc,
        }
    }

    pub fn pid(&self) -> u32 {
        match self {
            Running::Ours(ours, _) => ours.pid(),
            Running::Peer(peer) => peer.pid(),
        }
    }

    pub fn check_running(&mut self) -> anyhow::Result<()> {
        match self {
            Running::Ours(ours, _) => ours.process().check_running(),
            Running::Peer(peer) => peer.process().check_running(),
        }
    }

    pub fn log_tail(&mut self) -> String {
        match self {
            Running::Ours(ours, _) => ours.process().log_tail(),
            Running::Peer(peer) => peer.process().log_tail(),
        }
    }
}

/// Rotel's rows carry nanoseconds where ClickStack's metric tables have whole seconds: its bytes would be read wrong.
/// It gets the same table with times of its own width.
async fn nanosecond_times(engine: &ClickHouse, table: &str) -> anyhow::Result<()> {
    let of_table = format!("database = '{DATABASE}' AND name = '{table}'");
    let shown = format!("SELECT create_table_query FROM system.tables WHERE {of_table} FORMAT TSVRaw");
    let created = engine.query(&shown).await?;
    let wide = created
        .replace("TimeUnix` DateTime CODEC(Delta(4), ", "TimeUnix` DateTime64(9) CODEC(Delta(8), ")
        .replace("TimeUnix` Array(DateTime)", "TimeUnix` Array(DateTime64(9))");
    anyhow::ensure!(wide != created, "{table} has no times in seconds:\n{created}");
    engine.query(&format!("DROP TABLE {DATABASE}.{table} SYNC")).await?;
    engine.query(&wide).await?;
    Ok(())
}
