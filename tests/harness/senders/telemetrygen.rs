//! `telemetrygen` of the OpenTelemetry Collector's makers, a sender in Go: comes in what to send and where, goes out
//! when it has been sent. Must not be taken for an oracle: its own queue may drop, and its rows have no numbers.

use super::{installed, program, ran};

/// One run; `kind` is `logs`, `traces` or `metrics`, `more` its own flags.
pub fn send(kind: &str, endpoint: &str, is_http: bool, run_id: &str, more: &[&str]) -> anyhow::Result<()> {
    let address = endpoint.trim_start_matches("http://");
    let mut command = program(installed("target/senders/telemetrygen")?);
    command.args([kind, "--otlp-insecure", "--otlp-endpoint", address, "--rate", "0"]);
    command.args(["--telemetry-attributes", &format!("run.id=\"{run_id}\"")]).args(more);
    if is_http {
        command.arg("--otlp-http");
    }
    ran(&mut command).map(drop)
}
