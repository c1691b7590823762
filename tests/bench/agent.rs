//! What a line of a container's log costs on its way from the file to a gateway: comes in how many lines, goes out a
//! table and `agent.json`, for our agent and for the OpenTelemetry Collector's file reader, each on the same files and
//! each to a gateway of ours. Must not report lines that were not stored: their number stands beside the written ones.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use crds::config::{ContainerLogs, StartAt};
use serde::Serialize;
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::{self, Collector};
use tests::cost;
use tests::processes::Process;
use tests::wait::eventually;

/// Measures agents reading container logs, one after another on the same files.
#[derive(Debug, Parser)]
#[command(name = "bench-agent")]
struct Args {
    /// Lines in all, each of 300 bytes.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Containers that wrote them.
    #[arg(long, default_value_t = 10)]
    containers: u64,
    /// How long an agent with nothing to do is watched.
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
    /// The agent that is measured, instead of one that is built now.
    #[arg(long)]
    collector: Option<PathBuf>,
    /// Where the results go.
    #[arg(long, default_value = "target/bench/agent.json")]
    json: PathBuf,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum System {
    ClickstackCollector,
    Otelcol,
}

#[derive(Debug, Serialize)]
struct Outcome {
    system: System,
    lines_written: u64,
    lines_stored: u64,
    us_per_line: f64,
    megabytes_per_second_per_core: f64,
    peak_rss_mb: f64,
    idle_rss_mb: f64,
    idle_cpu_percent: f64,
}

/// A node's log folder.
struct Logs {
    folder: tempfile::TempDir,
    lines: u64,
    bytes: u64,
}

/// Pods that have written little and are silent now: as many as a small node has.
const QUIET_PODS: u64 = 30;

/// Until an agent that has read everything has nothing left of it to do.
const SETTLE: Duration = Duration::from_secs(5);

const STORED_WITHIN: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let (busy, quiet) = (Logs::write(args.lines, args.containers)?, Logs::write(QUIET_PODS * 10, QUIET_PODS)?);
    let mut results = Vec::new();
    for system in [System::ClickstackCollector, System::Otelcol] {
        results.push(measure(system, &busy, &quiet, &args).await.with_context(|| format!("{system:?}"))?);
        // Every time: a run that is broken off has told what it knows.
        let folder = args.json.parent().context("a file in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(&args.json, serde_json::to_string_pretty(&serde_json::json!({ "results": results }))?)?;
    }
    for one in &results {
        println!("{one:?}");
    }
    let is_all = results.iter().all(|one| one.lines_stored == one.lines_written);
    Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(system: System, busy: &Logs, quiet: &Logs, args: &Args) -> anyhow::Result<Outcome> {
    let engine = ClickHouse::start(Options::default()).await?;
    let gateway = Collector::gateway(&engine, |config| config.blocks = Default::default()).await?;
    let mut agent = system.start(busy, &gateway, args.collector.as_deref())?;
    let stored = all_stored(&engine, busy.lines, &mut agent).await?;
    let (cpu, peak_rss_mb) = (cost::cpu_seconds(agent.1.pid())?, cost::peak_rss_mb(agent.1.pid())?);
    agent.1.kill()?;

    let mut idle = system.start(quiet, &gateway, args.collector.as_deref())?;
    all_stored(&engine, stored + quiet.lines, &mut idle).await?;
    tokio::time::sleep(SETTLE).await;
    let before = cost::cpu_seconds(idle.1.pid())?;
    tokio::time::sleep(Duration::from_secs(args.idle_seconds)).await;
    let idle_cpu = cost::cpu_seconds(idle.1.pid())? - before;
    let idle_rss_mb = cost::memory_mb(idle.1.pid(), "VmRSS:")?;
    idle.1.kill()?;
    Ok(Outcome {
        system,
        lines_written: busy.lines,
        lines_stored: stored,
        us_per_line: cpu * 1e6 / busy.lines as f64,
        megabytes_per_second_per_core: busy.bytes as f64 / 1e6 / cpu,
        peak_rss_mb,
        idle_rss_mb,
        idle_cpu_percent: idle_cpu * 100.0 / args.idle_seconds as f64,
    })
}

async fn all_stored(engine: &ClickHouse, lines: u64, agent: &mut (tempfile::TempDir, Process)) -> anyhow::Result<u64> {
    eventually("every line is stored", STORED_WITHIN, async || {
        agent.1.check_running().map_err(|error| format!("{error:#}"))?;
        let count = engine.query("SELECT count() FROM otel.otel_logs").await.map_err(|error| format!("{error:#}"))?;
        let count: u64 = count.parse().map_err(|_| count)?;
        if count >= lines { Ok(count) } else { Err(count.to_string()) }
    })
    .await
}

impl System {
    /// Starts reading the logs from their beginning, to a gateway.
    fn start(
        self,
        logs: &Logs,
        gateway: &Collector,
        own: Option<&Path>,
    ) -> anyhow::Result<(tempfile::TempDir, Process)> {
        let dir = tempfile::tempdir()?;
        let command = match self {
            System::ClickstackCollector => ours(logs, gateway, own, dir.path())?,
            System::Otelcol => peer(logs, gateway, dir.path())?,
        };
        let process = Process::start("agent", command, &dir.path().join("log"))?;
        Ok((dir, process))
    }
}

fn ours(logs: &Logs, gateway: &Collector, own: Option<&Path>, dir: &Path) -> anyhow::Result<Command> {
    let mut config = collector::agent(&gateway.grpc())?;
    config.receivers.container_logs = Some(ContainerLogs {
        directory: logs.folder.path().display().to_string(),
        state_directory: dir.join("state").display().to_string(),
        start_at: StartAt::Beginning,
        ..ContainerLogs::default()
    });
    let file = dir.join("collector.yaml");
    std::fs::write(&file, serde_json::to_string(&config)?)?;
    let mut command = Command::new(own.map_or_else(collector::binary, |own| Ok(own.to_owned()))?);
    command.arg("run").arg("--config").arg(file);
    Ok(command)
}

fn peer(logs: &Logs, gateway: &Collector, dir: &Path) -> anyhow::Result<Command> {
    let root = tests::repository();
    let program = root.join("target/peers/filelog/otelcol");
    anyhow::ensure!(program.exists(), "{} is not there; get it with: make {0}", program.display());
    let state = dir.join("state");
    std::fs::create_dir(&state)?;
    let mut command = Command::new(program);
    command.arg("--config").arg(root.join("tests/peers/filelog.yaml"));
    command.env("PEER_LOGS", logs.folder.path()).env("PEER_STATE", state);
    command.env("PEER_GATEWAY", gateway.config.receivers.otlp.grpc.to_string());
    Ok(command)
}

impl Logs {
    /// As containerd writes them.
    fn write(lines: u64, containers: u64) -> anyhow::Result<Logs> {
        let folder = tempfile::tempdir()?;
        let mut bytes = 0;
        for container in 0..containers {
            let path = folder.path().join(format!("shop_pod-{container}_uid-{container}/main/0.log"));
            std::fs::create_dir_all(path.parent().context("a file in a folder")?)?;
            let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
            let mut line = String::new();
            for number in (container..lines).step_by(containers as usize) {
                line.clear();
                write!(
                    line,
                    "2026-11-24T16:27:03.{number:09}Z stdout F GET /cart/{number} 200 in {} ms ",
                    number % 900
                )?;
                writeln!(line, "{:x<1$}", "agent=", 299 - line.len().min(299))?;
                bytes += line.len() as u64;
                file.write_all(line.as_bytes())?;
            }
            file.flush()?;
        }
        Ok(Logs { folder, lines, bytes })
    }
}
