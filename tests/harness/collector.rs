//! Our collector as a process: comes in a role and where it sends, goes out a running binary that is ready or says
//! why not. Must not know what a test is about.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use crds::config::{ClickHouse as Destination, CollectorConfig, Role};

use crate::clickhouse::{ADMIN, ADMIN_PASSWORD, ClickHouse};
use crate::http::Http;
use crate::ports::free_port;
use crate::processes::{self, Process};
use crate::wait::eventually;

/// Its configuration, in its own folder.
const FILE: &str = "collector.yaml";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A collector owned by a test, on ports of its own.
#[derive(Debug)]
pub struct Collector {
    pub config: CollectorConfig,
    /// What the next start is given besides the environment of this process.
    pub environment: Vec<(String, String)>,
    binary: PathBuf,
    process: Process,
    dir: tempfile::TempDir,
}

/// A gateway's configuration for a real server, with blocks that do not make a test wait.
pub fn gateway(engine: &ClickHouse, dir: &Path) -> anyhow::Result<CollectorConfig> {
    let mut destination = Destination::at(engine.url());
    destination.database = "otel".into();
    for (name, text, field) in [
        ("username", ADMIN, &mut destination.username_file),
        ("password", ADMIN_PASSWORD, &mut destination.password_file),
    ] {
        let file = dir.join(name);
        std::fs::write(&file, text)?;
        *field = Some(file.display().to_string());
    }
    let mut config = bare("gateway")?;
    config.blocks.max_age = "100ms".parse()?;
    config.clickhouse = Some(destination);
    Ok(config)
}

/// An agent's configuration for a gateway at `http://host:port`.
pub fn agent(endpoint: &str) -> anyhow::Result<CollectorConfig> {
    forwarding("agent", endpoint)
}

fn forwarding(role: &str, endpoint: &str) -> anyhow::Result<CollectorConfig> {
    let mut config = bare(role)?;
    config.forward = Some(crds::config::Forward::to(endpoint));
    Ok(config)
}

fn bare(role: &str) -> anyhow::Result<CollectorConfig> {
    let mut config = CollectorConfig::from_yaml(&format!("role: {role}"))?;
    let address = || anyhow::Ok((Ipv4Addr::LOCALHOST, free_port("127.0.0.1")?).into());
    config.receivers.otlp.grpc = address()?;
    config.receivers.otlp.http = address()?;
    config.admin.health = address()?;
    config.admin.metrics = address()?;
    config.shutdown.lame_duck = "100ms".parse()?;
    Ok(config)
}

/// Makes the tables in `database` and ends: for others to write to.
pub async fn migrate(engine: &ClickHouse, database: &str) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut config = gateway(engine, dir.path())?;
    if let Some(destination) = &mut config.clickhouse {
        destination.database = database.into();
    }
    let file = dir.path().join(FILE);
    std::fs::write(&file, serde_json::to_string(&config)?)?;
    let mut command = Command::new(binary()?);
    command.arg("migrate").arg("--config").arg(&file);
    let mut process = Process::start("migrate", command, &dir.path().join("log"))?;
    let status = process.wait(READY_WITHIN).await?;
    anyhow::ensure!(status.success(), "migrate: {status}\n{}", process.log_tail());
    Ok(())
}

fn launch(
    binary: &Path,
    environment: &[(String, String)],
    config: &CollectorConfig,
    dir: &Path,
) -> anyhow::Result<Process> {
    let mut command = Command::new(binary);
    command.arg("run").arg("--config").arg(dir.join(FILE));
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    Process::start(config.role.as_str(), command, &dir.join("log"))
}

/// The built binary.
pub fn binary() -> anyhow::Result<PathBuf> {
    processes::built("collector", "clickstack-collector")
}

impl Collector {
    /// A gateway that writes to `engine`, once it is ready.
    pub async fn gateway(engine: &ClickHouse, change: impl FnOnce(&mut CollectorConfig)) -> anyhow::Result<Collector> {
        let collector = Self::gateway_unready(engine, change).await?;
        collector.ready().await?;
        Ok(collector)
    }

    /// A gateway that listens; ClickHouse may be away.
    pub async fn gateway_unready(
        engine: &ClickHouse,
        change: impl FnOnce(&mut CollectorConfig),
    ) -> anyhow::Result<Collector> {
        let dir = tempfile::tempdir()?;
        let mut config = gateway(engine, dir.path())?;
        change(&mut config);
        Self::start(config, dir).await
    }

    /// An agent that forwards to a gateway's address.
    pub async fn agent(endpoint: &str) -> anyhow::Result<Collector> {
        Self::agent_with(endpoint, |_| {}).await
    }

    /// An agent that does something more.
    pub async fn agent_with(endpoint: &str, change: impl FnOnce(&mut CollectorConfig)) -> anyhow::Result<Collector> {
        let mut config = agent(endpoint)?;
        change(&mut config);
        Self::start(config, tempfile::tempdir()?).await
    }

    /// A collector that reads a cluster and forwards to a gateway's address, by a configuration of its own.
    pub async fn cluster(mut config: CollectorConfig, endpoint: &str) -> anyhow::Result<Collector> {
        let bare = bare("cluster")?;
        (config.admin, config.shutdown) = (bare.admin, bare.shutdown);
        config.forward = Some(crds::config::Forward::to(endpoint));
        Self::start(config, tempfile::tempdir()?).await
    }

    /// A gateway that forwards to another gateway's address, which may be away.
    pub async fn regional_with(endpoint: &str, change: impl FnOnce(&mut CollectorConfig)) -> anyhow::Result<Collector> {
        let mut config = forwarding("gateway", endpoint)?;
        change(&mut config);
        Self::start(config, tempfile::tempdir()?).await
    }

    async fn start(config: CollectorConfig, dir: tempfile::TempDir) -> anyhow::Result<Collector> {
        std::fs::write(dir.path().join(FILE), serde_json::to_string(&config)?)?;
        let (binary, environment) = (binary()?, Vec::new());
        let process = launch(&binary, &environment, &config, dir.path())?;
        let mut collector = Collector { config, environment, binary, process, dir };
        collector.listening().await?;
        Ok(collector)
    }

    /// Starts it on the ports, the file and the folder it had, once it has ended; returns when it listens.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.process.ended().is_some(), "the collector still runs");
        self.process = launch(&self.binary, &self.environment, &self.config, self.dir.path())?;
        self.listening().await
    }

    async fn listening(&mut self) -> anyhow::Result<()> {
        let is_sent_to = self.config.role != Role::Cluster;
        let address = if is_sent_to { self.config.receivers.otlp.http } else { self.config.admin.health };
        let process = &mut self.process;
        eventually("the collector listens", READY_WITHIN, async || {
            process.check_running().map_err(|error| format!("{error:#}"))?;
            tokio::net::TcpStream::connect(address).await.map(drop).map_err(|error| error.to_string())
        })
        .await
    }

    /// Waits until its readiness probe says so.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let http = Http::default();
        let what = format!("the {} is ready", self.config.role.as_str());
        let waited = eventually(&what, READY_WITHIN, async || {
            let answer = http.get(&self.probe("/ready")).await.map_err(|error| format!("{error:#}"))?;
            if answer.status.is_success() { Ok(()) } else { Err(answer.text()) }
        });
        waited.await.map_err(|error| error.context(self.process.log_tail()))
    }

    /// What a probe is answered.
    pub fn probe(&self, path: &str) -> String {
        format!("http://{}{path}", self.config.admin.health)
    }

    /// `http://host:port` of OTLP/gRPC.
    pub fn grpc(&self) -> String {
        format!("http://{}", self.config.receivers.otlp.grpc)
    }

    /// `http://host:port` of OTLP/HTTP.
    pub fn http(&self) -> String {
        format!("http://{}", self.config.receivers.otlp.http)
    }

    /// The value of a metric, 0 where nothing was counted yet.
    pub async fn metric(&self, line: &str) -> anyhow::Result<f64> {
        let text = Http::default().get(&format!("http://{}/metrics", self.config.admin.metrics)).await?.text();
        let found = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
        Ok(found.unwrap_or(0.0))
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// SIGTERM, and how it ended.
    pub async fn stop(mut self) -> anyhow::Result<ExitStatus> {
        self.process.terminate()?;
        self.process.wait(Duration::from_secs(30)).await
    }
}
