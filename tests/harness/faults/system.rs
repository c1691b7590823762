//! Who is put to the test: comes in a system and the fault that is to come, goes out a running one with its ClickHouse,
//! its lines and its volumes, all of which can be broken and mended. Must not decide when.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crds::config::{CollectorConfig, Spool};
use crds::quantity::ByteSize;
use serde::Serialize;

use super::fault::Fault;
use super::volume::Volume;
use super::watch::Watch;
use crate::clickhouse::{ClickHouse, Options};
use crate::collector::{self, Collector};
use crate::peers::{Peer, Queue};
use crate::processes::Process;
use crate::proxy::Proxy;

pub const DATABASE: &str = "otel";
/// Longer than the longest run; a soak says how long it takes.
const ENGINE_LIFE: Duration = Duration::from_secs(3 * 3_600);
/// What Kubernetes gives a pod after SIGTERM, and a little.
const ENDS_WITHIN: Duration = Duration::from_secs(32);
/// Enough for a run of rows, or for the spool of an outage.
const VOLUME_MEBIBYTES: u32 = 1_024;
const SPOOL_MEBIBYTES: u32 = 384;
/// What a spool may take where nothing is said.
const SPOOL: ByteSize = ByteSize::mebibytes(2_048);
const FAKE_TIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// With a spool: an answer means that the rows are on its disk.
    ClickstackCollector,
    /// Without a spool: an answer means that the rows are in ClickHouse.
    ClickstackCollectorMemory,
    /// The OpenTelemetry Collector with ClickStack's pipelines.
    Otelcol,
    /// The same with its persistent queue.
    OtelcolQueue,
}

impl System {
    pub const ALL: &'static [System] =
        &[System::ClickstackCollector, System::ClickstackCollectorMemory, System::Otelcol, System::OtelcolQueue];

    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
    }

    pub fn is_ours(self) -> bool {
        matches!(self, System::ClickstackCollector | System::ClickstackCollectorMemory)
    }

    pub fn keeps_on_disk(self) -> bool {
        matches!(self, System::ClickstackCollector | System::OtelcolQueue)
    }

    /// Without rows on the way for so long, no more come: a peer repeats after up to 30 s, and batches for 5 s.
    pub fn patience(self) -> Duration {
        Duration::from_secs(if self.is_ours() { 20 } else { 45 })
    }

    /// With all rows there, copies may still come for so long.
    pub fn quiet(self) -> Duration {
        Duration::from_secs(if self.is_ours() { 3 } else { 11 })
    }
}

/// A system with everything around it.
#[derive(Debug)]
pub struct Stage {
    pub engine: ClickHouse,
    pub to_clickhouse: Option<Proxy>,
    pub from_senders: Vec<Proxy>,
    /// Full or not: ClickHouse's rows, or the spool.
    pub volume: Option<Volume>,
    pub watch: Watch,
    running: Running,
    dir: tempfile::TempDir,
}

#[derive(Debug)]
enum Running {
    Ours(Box<Collector>),
    Peer(Box<Peer>),
}

impl Stage {
    /// A system that listens. For `ClickhouseDownAtStart` its ClickHouse is down.
    pub async fn set(system: System, fault: Fault) -> anyhow::Result<Stage> {
        let dir = tempfile::Builder::new().prefix("faults-").tempdir()?;
        let (queue, rows) = (dir.path().join("queue"), dir.path().join("clickhouse"));
        std::fs::create_dir_all(&queue)?;
        let volume = match fault {
            Fault::ClickhouseDiskFull => Some(Volume::mount(&rows.join("rows"), VOLUME_MEBIBYTES)?),
            Fault::SpoolFull => Some(Volume::mount(&queue, SPOOL_MEBIBYTES)?),
            _ => None,
        };
        let mut engine =
            ClickHouse::start(Options { dir: Some(rows), life: ENGINE_LIFE, ..Options::default() }).await?;
        let port = if system.is_ours() { engine.http_port } else { engine.tcp_port };
        let to_clickhouse = match fault.is_before_clickhouse() {
            true => Some(Proxy::start(local(port)).await?),
            false => None,
        };
        if !system.is_ours() {
            collector::migrate(&engine, DATABASE).await?;
        }
        if fault == Fault::ClickhouseDownAtStart {
            engine.kill()?;
        }
        let port = to_clickhouse.as_ref().map_or(port, |proxy| proxy.address.port());
        let running = Running::start(system, &engine, port, queue).await?;
        let watch = Watch::start(running.pid());
        let mut stage = Stage { engine, to_clickhouse, from_senders: Vec::new(), volume, watch, running, dir };
        if fault.is_before_the_collector() {
            stage.from_senders = vec![Proxy::start(stage.http()).await?, Proxy::start(stage.grpc()).await?];
        }
        if let (Running::Ours(ours), true) = (&stage.running, fault != Fault::ClickhouseDownAtStart) {
            ours.ready().await?;
        }
        Ok(stage)
    }

    /// Where senders send: `http://host:port` of OTLP/HTTP and of OTLP/gRPC.
    pub fn endpoints(&self) -> (String, String) {
        let at = |address: SocketAddr| format!("http://{address}");
        match &self.from_senders[..] {
            [http, grpc] => (at(http.address), at(grpc.address)),
            _ => (at(self.http()), at(self.grpc())),
        }
    }

    /// SIGKILL to the collector.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.process().check_running()?;
        self.watch.look();
        self.process().kill()?;
        Ok(())
    }

    /// SIGTERM to the collector, and SIGKILL where it takes longer than a pod may.
    pub async fn terminate(&mut self) -> anyhow::Result<()> {
        self.process().check_running()?;
        self.watch.look();
        self.process().terminate()?;
        if self.process().wait(ENDS_WITHIN).await.is_err() {
            self.process().kill()?;
        }
        Ok(())
    }

    /// The collector again, as it was.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        match &mut self.running {
            Running::Ours(ours) => ours.start_again().await?,
            Running::Peer(peer) => peer.start_again().await?,
        }
        self.watch.follow(self.running.pid());
        Ok(())
    }

    /// From its next start on, the collector's clock is what the file that is returned says, such as `+3600`.
    pub fn fake_time(&mut self) -> anyhow::Result<PathBuf> {
        anyhow::ensure!(
            std::path::Path::new(FAKE_TIME).exists(),
            "{FAKE_TIME} is not there; get it with: apt-get install libfaketime"
        );
        let file = self.dir.path().join("time");
        std::fs::write(&file, "+0")?;
        if let Running::Ours(ours) = &mut self.running {
            // The monotonic clock does not jump, as on a real machine.
            let name = file.display().to_string();
            let environment = [
                ("LD_PRELOAD", FAKE_TIME),
                ("FAKETIME_TIMESTAMP_FILE", &name),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
                ("FAKETIME_CACHE_DURATION", "1"),
            ];
            ours.environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        }
        Ok(file)
    }

    pub fn process(&mut self) -> &mut Process {
        match &mut self.running {
            Running::Ours(ours) => ours.process(),
            Running::Peer(peer) => peer.process(),
        }
    }

    /// With the end of the collector's log, where the collector did not end: then it is told already.
    pub fn explained(&mut self, error: anyhow::Error) -> anyhow::Error {
        match self.process().ended() {
            None => error.context(self.process().log_tail()),
            Some(_) => error,
        }
    }

    /// Files below the folder of the spool or the queue.
    pub fn spool_files(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("queue")).map_or(0, Iterator::count)
    }

    fn http(&self) -> SocketAddr {
        match &self.running {
            Running::Ours(ours) => ours.config.receivers.otlp.http,
            Running::Peer(peer) => peer.http,
        }
    }

    fn grpc(&self) -> SocketAddr {
        match &self.running {
            Running::Ours(ours) => ours.config.receivers.otlp.grpc,
            Running::Peer(peer) => peer.grpc,
        }
    }
}

impl Running {
    async fn start(system: System, engine: &ClickHouse, port: u16, queue: PathBuf) -> anyhow::Result<Running> {
        match system {
            System::ClickstackCollector | System::ClickstackCollectorMemory => {
                let defaults = |config: &mut CollectorConfig| {
                    config.blocks = Default::default();
                    config.spool = system.keeps_on_disk().then(|| Spool {
                        directory: queue.display().to_string(),
                        size: SPOOL,
                        max_age: None,
                        siblings: None,
                    });
                    if let Some(destination) = &mut config.clickhouse {
                        destination.endpoint = Some(format!("http://{}", local(port)));
                    }
                };
                Ok(Running::Ours(Box::new(Collector::gateway_unready(engine, defaults).await?)))
            }
            System::Otelcol => Ok(Running::Peer(Box::new(Peer::otelcol_at(port, DATABASE, Queue::Memory).await?))),
            System::OtelcolQueue => {
                Ok(Running::Peer(Box::new(Peer::otelcol_at(port, DATABASE, Queue::Folder(&queue)).await?)))
            }
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Running::Ours(ours) => ours.pid(),
            Running::Peer(peer) => peer.pid(),
        }
    }
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
