//! Real senders: comes in a run and an endpoint, goes out a command that sends numbered rows with somebody else's
//! OpenTelemetry code. Must not install anything: a missing sender fails with the command that gets it.
//!
//! What a row holds is said in `tests/senders/README.md`; `rows` compares it with what ClickHouse has.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::Context;

pub mod browser;
pub mod clickstack;
pub mod fluent;
pub mod relay;
pub mod rows;
pub mod syslog;
pub mod telemetrygen;

/// All that an SDK can send.
pub const SIGNALS: &str = "logs,traces,metrics";

/// An OpenTelemetry SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    Python,
    Node,
    Java,
}

/// How an SDK talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
    /// Of the three SDKs only Node's offers it.
    HttpJson,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http",
            Protocol::HttpJson => "json",
        }
    }
}

/// One run of an SDK.
#[derive(Debug, Clone)]
pub struct Sending<'a> {
    pub sdk: Sdk,
    pub protocol: Protocol,
    /// `http://host:port`, without a path.
    pub endpoint: &'a str,
    /// Of `SIGNALS`, with commas between.
    pub signals: &'a str,
    pub run_id: &'a str,
    pub service: &'a str,
    /// The `row.id` of the first row.
    pub first: u64,
    pub count: u64,
    /// The time of row 0.
    pub start_unix_nanos: u64,
}

impl Sending<'_> {
    /// Ends well only when the SDK exported every row.
    pub fn run(&self) -> anyhow::Result<()> {
        ran(&mut self.command()?).map(drop).with_context(|| format!("{:?} over {:?}", self.sdk, self.protocol))
    }

    fn command(&self) -> anyhow::Result<Command> {
        let mut command = match self.sdk {
            Sdk::Python => python("send.py")?,
            Sdk::Node => node("send.js")?,
            Sdk::Java => java()?,
        };
        command
            .args(["--protocol", self.protocol.word(), "--endpoint", self.endpoint, "--signals", self.signals])
            .args(["--run-id", self.run_id, "--service", self.service])
            .args(["--first", &self.first.to_string(), "--count", &self.count.to_string()])
            .args(["--start-nanos", &self.start_unix_nanos.to_string()]);
        Ok(command)
    }
}

fn python(script: &str) -> anyhow::Result<Command> {
    let mut command = program(installed("target/senders/python/bin/python")?);
    command.arg(crate::repository().join("tests/senders/python").join(script));
    Ok(command)
}

fn node(script: &str) -> anyhow::Result<Command> {
    let mut command = program("node");
    command.env("NODE_PATH", installed("target/senders/node/node_modules")?);
    command.arg(crate::repository().join("tests/senders/node").join(script));
    Ok(command)
}

fn java() -> anyhow::Result<Command> {
    let folder = installed("target/senders/java/classes")?.parent().map(PathBuf::from).unwrap_or_default();
    let mut command = program("java");
    // The serial collector and one compiler keep the short run from taking both cores.
    command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    command.arg(format!("{0}/jars/*:{0}/classes", folder.display())).arg("Send");
    Ok(command)
}

/// A command that no variable of this machine tells where to send.
fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name.starts_with("HYPERDX_")) {
        command.env_remove(name);
    }
    command
}

fn installed(path: &str) -> anyhow::Result<PathBuf> {
    let found = crate::repository().join(path);
    anyhow::ensure!(found.exists(), "{path} is missing; get the senders with: make sdk");
    Ok(found)
}

/// What a sender printed, once it ended well.
fn ran(command: &mut Command) -> anyhow::Result<Output> {
    let ended = command.output().with_context(|| format!("start {:?}", command.get_program()))?;
    let said = |bytes: &[u8]| crate::processes::tail(&String::from_utf8_lossy(bytes), 30);
    anyhow::ensure!(ended.status.success(), "{}\n{}{}", ended.status, said(&ended.stdout), said(&ended.stderr));
    Ok(ended)
}
