//! An OpenTelemetry Collector between a sender and ours: comes in where and how it is to pass things on, goes out a
//! running process that listens for OTLP/gRPC. It answers before it has sent: what it was given arrives later.

use std::time::Duration;

use tempfile::TempDir;

use super::{Protocol, installed, program};
use crate::ports::free_port;
use crate::processes::Process;
use crate::wait::eventually;

/// A running relay; it ends with its owner.
#[derive(Debug)]
pub struct Relay {
    /// `http://host:port` of OTLP/gRPC.
    pub endpoint: String,
    process: Process,
    _dir: TempDir,
}

impl Relay {
    /// `compression` is one of the Collector's words, such as `gzip` and `zstd`.
    pub async fn start(endpoint: &str, protocol: Protocol, compression: &str) -> anyhow::Result<Relay> {
        let dir = tempfile::tempdir()?;
        let address = format!("127.0.0.1:{}", free_port("127.0.0.1")?);
        let (exporter, encoding) = match protocol {
            Protocol::Grpc => ("otlp_grpc", "proto"),
            Protocol::HttpProtobuf => ("otlp_http", "proto"),
            Protocol::HttpJson => ("otlp_http", "json"),
        };
        let mut command = program(installed("target/senders/otelcol/otelcol")?);
        command.arg("--config").arg(crate::repository().join("tests/senders/otelcol.yaml"));
        command.env("RELAY_LISTEN", &address).env("RELAY_ENDPOINT", endpoint).env("RELAY_EXPORTER", exporter);
        command.env("RELAY_COMPRESSION", compression).env("RELAY_ENCODING", encoding);
        let process = Process::start("relay", command, &dir.path().join("log"))?;
        let mut relay = Relay { endpoint: format!("http://{address}"), process, _dir: dir };
        eventually("the relay listens", Duration::from_secs(30), async || {
            relay.process.check_running().map_err(|error| format!("{error:#}"))?;
            tokio::net::TcpStream::connect(&address).await.map(drop).map_err(|error| error.to_string())
        })
        .await?;
        Ok(relay)
    }
}
