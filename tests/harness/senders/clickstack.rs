//! ClickStack's own SDKs: comes in where to send and the ingestion key, goes out when all rows were sent, each a log, a
//! span and a count. They are set up by their environment variables alone, as an application sets them up.

use std::process::Command;

use super::{Protocol, node, python, ran};

/// The logs of one request: the SDK for Node sends what is left over by the clock only, so `count` must be a multiple.
pub const BATCH: u64 = 10;

/// One run of one of ClickStack's SDKs.
#[derive(Debug, Clone)]
pub struct Sending<'a> {
    pub protocol: Protocol,
    /// `http://host:port`, without a path.
    pub endpoint: &'a str,
    pub key: &'a str,
    pub service: &'a str,
    pub run_id: &'a str,
    pub count: u64,
}

impl Sending<'_> {
    pub fn run_python(&self) -> anyhow::Result<()> {
        let mut command = python("clickstack.py")?;
        ran(self.environment(&mut command)).map(drop)
    }

    pub fn run_node(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.count.is_multiple_of(BATCH), "{} is no multiple of {BATCH}", self.count);
        let mut command = node("clickstack.js")?;
        ran(self.environment(&mut command)).map(drop)
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        if self.protocol == Protocol::Grpc {
            command.envs([("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"), ("OTEL_EXPORTER_OTLP_INSECURE", "true")]);
        }
        command
            .env("HYPERDX_API_KEY", self.key)
            // Without it the SDK for Python sends no metrics.
            .env("HYPERDX_METRICS_DATASET", "metrics")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.endpoint)
            .env("OTEL_SERVICE_NAME", self.service)
            .env("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", BATCH.to_string())
            .args([self.run_id, &self.count.to_string()])
    }
}
