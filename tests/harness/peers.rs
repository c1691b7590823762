//! The collectors ours is compared with, as processes: comes in the engine they write to, goes out one that listens.
//! Must not build or install anything: a missing peer fails with the command that gets it.
//!
//! `otelcol` is the OpenTelemetry Collector with ClickStack's pipelines (`tests/peers/otelcol.yaml`), built from Go
//! modules. `rotel` is the wheel of PyPI with its own defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse};
use crate::http::Http;
use crate::ports::free_port;
use crate::processes::Process;
use crate::wait::eventually;

const LISTENS_WITHIN: Duration = Duration::from_secs(60);

/// A peer owned by a test, on ports of its own.
#[derive(Debug)]
pub struct Peer {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    process: Process,
    _dir: tempfile::TempDir,
}

impl Peer {
    /// The OpenTelemetry Collector with ClickStack's pipelines, writing to `database`, whose tables are there.
    pub async fn otelcol(engine: &ClickHouse, database: &str) -> anyhow::Result<Peer> {
        let mut command = Command::new(installed("otelcol/otelcol")?);
        command.arg("--config").arg(crate::repository().join("tests/peers/otelcol.yaml"));
        command.env("PEER_CLICKHOUSE", format!("tcp://127.0.0.1:{}?dial_timeout=10s", engine.tcp_port));
        command.env("PEER_DATABASE", database).env("PEER_USERNAME", ADMIN).env("PEER_PASSWORD", ADMIN_PASSWORD);
        // The transform logs a line for every record it finds no JSON in.
        command.env("PEER_LOG_LEVEL", "error");
        Self::start("otelcol", command, |command, grpc, http| {
            command.env("PEER_GRPC", grpc.to_string()).env("PEER_HTTP", http.to_string());
        })
        .await
    }

    /// Rotel with its defaults, writing to the tables `otel_*` of `database`.
    pub async fn rotel(engine: &ClickHouse, database: &str) -> anyhow::Result<Peer> {
        let mut command = Command::new(installed("rotel/rotel/rotel-agent")?);
        command.args(["start", "--exporter", "clickhouse"]);
        command.arg("--clickhouse-exporter-endpoint").arg(engine.url());
        command.args(["--clickhouse-exporter-database", database]);
        command.args(["--clickhouse-exporter-user", ADMIN, "--clickhouse-exporter-password", ADMIN_PASSWORD]);
        Self::start("rotel", command, |command, grpc, http| {
            command.arg("--otlp-grpc-endpoint").arg(grpc.to_string());
            command.arg("--otlp-http-endpoint").arg(http.to_string());
        })
        .await
    }

    async fn start(
        name: &str,
        mut command: Command,
        listen: impl FnOnce(&mut Command, SocketAddr, SocketAddr),
    ) -> anyhow::Result<Peer> {
        let dir = tempfile::tempdir()?;
        let address = || anyhow::Ok((Ipv4Addr::LOCALHOST, free_port("127.0.0.1")?).into());
        let (grpc, http) = (address()?, address()?);
        listen(&mut command, grpc, http);
        command.current_dir(dir.path());
        let mut process = Process::start(name, command, &dir.path().join("log"))?;
        let (client, url) = (Http::default(), format!("http://{http}/v1/logs"));
        eventually(&format!("{name} listens"), LISTENS_WITHIN, async || {
            process.check_running().map_err(|error| format!("{error:#}"))?;
            client.get(&url).await.map(drop).map_err(|error| format!("{error:#}"))
        })
        .await?;
        Ok(Peer { grpc, http, process, _dir: dir })
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// A file below `target/peers`.
fn installed(path: &str) -> anyhow::Result<PathBuf> {
    let file = crate::repository().join("target/peers").join(path);
    anyhow::ensure!(file.exists(), "{} is not there; get it with: make peers", file.display());
    Ok(file)
}
