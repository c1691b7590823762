//! Fluent's own libraries: comes in a run and where the forward protocol is spoken, goes out a command that sends
//! numbered rows, and a statement about what has to be in ClickHouse then.

use std::net::SocketAddr;
use std::process::Command;

use super::{installed, program, python, ran};
use crate::clickhouse::ClickHouse;

/// One run of a library.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    pub address: SocketAddr,
    pub run_id: &'a str,
    pub count: u64,
    /// The time of row 0.
    pub start_unix_nanos: u64,
}

impl Sending<'_> {
    /// The library for Go, which asks for every row. It prints the number of each that was acknowledged, and ends well
    /// only when all were.
    pub fn go(&self, more: &[&str]) -> anyhow::Result<Command> {
        let mut command = program(installed("target/senders/fluent")?);
        command.args(["-address", &self.address.to_string(), "-run-id", self.run_id]);
        command.args(["-count", &self.count.to_string(), "-start-nanos", &self.start_unix_nanos.to_string()]);
        command.args(more);
        Ok(command)
    }

    /// The library for Python, which asks for nothing.
    pub fn run_python(&self) -> anyhow::Result<()> {
        let mut command = python("fluentd.py")?;
        command.args(["--host", &self.address.ip().to_string(), "--port", &self.address.port().to_string()]);
        command.args(["--run-id", self.run_id, "--count", &self.count.to_string()]);
        command.args(["--start-nanos", &self.start_unix_nanos.to_string()]);
        ran(&mut command).map(drop)
    }

    pub fn run_go(&self, more: &[&str]) -> anyhow::Result<()> {
        ran(&mut self.go(more)?).map(drop)
    }

    /// Every row is there as it was sent, and none twice unless it may be.
    pub async fn check(&self, engine: &ClickHouse, may_repeat: bool) -> anyhow::Result<()> {
        let sql = format!(
            "WITH toUInt64OrZero(LogAttributes['row.id']) AS id \
             SELECT count(), uniqExact(id), min(id), max(id), countIf(NOT (\
               toUnixTimestamp64Nano(Timestamp) = {start} + id * 1000001 \
               AND Body = 'row ' || toString(id) || ' of {run}' \
               AND LogAttributes = map('fluent.tag', 'senders.row', 'row.half', toString(id / 2 + 0.25), 'row.id', \
                 toString(id), 'row.number', toString(id), 'row.odd', if(id % 2 = 1, 'true', 'false'), \
                 'row.tags.0', 'a', 'row.tags.1', 'b', 'run.id', '{run}') \
               AND SeverityText = 'info' AND SeverityNumber = 9 AND ServiceName = '' AND ScopeName = '' \
               AND empty(ResourceAttributes) AND TraceId = '' AND SpanId = '')) \
             FROM otel.otel_logs WHERE LogAttributes['run.id'] = '{run}'",
            start = self.start_unix_nanos,
            run = self.run_id,
        );
        let found = engine.query(&sql).await?;
        let numbers: Vec<u64> = found.split('\t').map(str::parse).collect::<Result<_, _>>()?;
        let [count, distinct, first, last, wrong] = numbers[..] else { anyhow::bail!("{found}") };
        let is_complete = (distinct, first, last, wrong) == (self.count, 0, self.count - 1, 0);
        anyhow::ensure!(is_complete && (may_repeat || count == distinct), "{} of {}: {found}", self.run_id, self.count);
        Ok(())
    }
}
