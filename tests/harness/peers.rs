//! The collectors ours is compared with, as processes: comes in the engine they write to, goes out one that listens.
//! Must not build or install anything: a missing peer fails with the command that gets it.
//!
//! `otelcol` is the OpenTelemetry Collector with ClickStack's pipelines (`tests/peers/otelcol.yaml`), built from Go
//! modules. `rotel` is the wheel of PyPI with its own defaults.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
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
    launch: Launch,
    process: Process,
    dir: tempfile::TempDir,
}

/// What a start needs, so that a second one is the same.
#[derive(Debug)]
struct Launch {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

/// Where a peer keeps what it has taken and not sent.
#[derive(Clone, Copy, Debug)]
pub enum Queue<'a> {
    Memory,
    /// The extension `file_storage` in this folder, and no batches in memory before it.
    Folder(&'a Path),
}

impl Peer {
    /// The OpenTelemetry Collector with ClickStack's pipelines, writing to `database`, whose tables are there.
    pub async fn otelcol(engine: &ClickHouse, database: &str) -> anyhow::Result<Peer> {
        Self::otelcol_at(engine.tcp_port, database, Queue::Memory).await
    }

    /// The same, writing to a native port of this machine, with a queue of the caller's choice.
    pub async fn otelcol_at(tcp_port: u16, database: &str, queue: Queue<'_>) -> anyhow::Result<Peer> {
        let (grpc, http) = (address()?, address()?);
        let configuration = |name: &str| crate::repository().join("tests/peers").join(name).into_os_string();
        let mut arguments = vec!["--config".into(), configuration("otelcol.yaml")];
        let mut environment: Vec<(&str, OsString)> = vec![
            ("PEER_CLICKHOUSE", format!("tcp://127.0.0.1:{tcp_port}?dial_timeout=10s").into()),
            ("PEER_DATABASE", database.into()),
            ("PEER_USERNAME", ADMIN.into()),
            ("PEER_PASSWORD", ADMIN_PASSWORD.into()),
            // The transform logs a line for every record it finds no JSON in.
            ("PEER_LOG_LEVEL", "error".into()),
            ("PEER_GRPC", grpc.to_string().into()),
            ("PEER_HTTP", http.to_string().into()),
        ];
        if let Queue::Folder(folder) = queue {
            arguments.extend(["--config".into(), configuration("otelcol-queue.yaml")]);
            environment.push(("PEER_QUEUE", folder.into()));
        }
        let program = installed("otelcol/otelcol")?;
        Self::start(Launch { name: "otelcol", program, arguments, environment }, grpc, http).await
    }

    /// Rotel with its defaults, writing to the tables `otel_*` of `database`.
    pub async fn rotel(engine: &ClickHouse, database: &str) -> anyhow::Result<Peer> {
        let (grpc, http) = (address()?, address()?);
        let mut arguments: Vec<OsString> = ["start", "--exporter", "clickhouse"].map(OsString::from).into();
        for (flag, value) in [
            ("--clickhouse-exporter-endpoint", engine.url()),
            ("--clickhouse-exporter-database", database.into()),
            ("--clickhouse-exporter-user", ADMIN.into()),
            ("--clickhouse-exporter-password", ADMIN_PASSWORD.into()),
            ("--otlp-grpc-endpoint", grpc.to_string()),
            ("--otlp-http-endpoint", http.to_string()),
        ] {
            arguments.extend([flag.into(), value.into()]);
        }
        let program = installed("rotel/rotel/rotel-agent")?;
        Self::start(Launch { name: "rotel", program, arguments, environment: Vec::new() }, grpc, http).await
    }

    async fn start(launch: Launch, grpc: SocketAddr, http: SocketAddr) -> anyhow::Result<Peer> {
        let dir = tempfile::tempdir()?;
        let process = launch.start(dir.path())?;
        let mut peer = Peer { grpc, http, launch, process, dir };
        peer.listening().await?;
        Ok(peer)
    }

    /// Starts it on the ports and the folders it had, once it has ended; returns when it listens.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.process.ended().is_some(), "{} still runs", self.launch.name);
        self.process = self.launch.start(self.dir.path())?;
        self.listening().await
    }

    async fn listening(&mut self) -> anyhow::Result<()> {
        let (client, url) = (Http::default(), format!("http://{}/v1/logs", self.http));
        let process = &mut self.process;
        eventually(&format!("{} listens", self.launch.name), LISTENS_WITHIN, async || {
            process.check_running().map_err(|error| format!("{error:#}"))?;
            client.get(&url).await.map(drop).map_err(|error| format!("{error:#}"))
        })
        .await
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Launch {
    fn start(&self, dir: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(dir);
        Process::start(self.name, command, &dir.join("log"))
    }
}

fn address() -> anyhow::Result<SocketAddr> {
    Ok((Ipv4Addr::LOCALHOST, free_port("127.0.0.1")?).into())
}

/// A file below `target/peers`.
fn installed(path: &str) -> anyhow::Result<PathBuf> {
    let file = crate::repository().join("target/peers").join(path);
    anyhow::ensure!(file.exists(), "{} is not there; get it with: make peers", file.display());
    Ok(file)
}
