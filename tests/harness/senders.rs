//! The SDK senders: comes in a run id and an endpoint, goes out a command that sends with a real
//! OpenTelemetry SDK. Must not install anything: a missing SDK fails with the command that gets it.

use std::path::PathBuf;
use std::process::Command;

/// One run of the Python SDK's log pipeline.
#[derive(Debug, Clone)]
pub struct SdkLogs<'a> {
    /// `grpc` or `http`.
    pub protocol: &'a str,
    /// `http://host:port`, without a path.
    pub endpoint: &'a str,
    pub run_id: &'a str,
    pub service: &'a str,
    /// The `row.id` of the first row.
    pub first: u64,
    pub count: u64,
}

/// The interpreter of the environment that has the SDKs.
pub fn python() -> anyhow::Result<PathBuf> {
    let python = crate::repository().join("target/venv/bin/python");
    anyhow::ensure!(python.exists(), "the Python SDK is not in target/venv; get it with: make sdk");
    Ok(python)
}

/// The command that sends `logs`; it ends with 0 only when the SDK exported every row.
pub fn logs(logs: &SdkLogs<'_>) -> anyhow::Result<Command> {
    let mut command = Command::new(python()?);
    command
        .arg(crate::repository().join("tests/senders/logs.py"))
        .args(["--protocol", logs.protocol, "--endpoint", logs.endpoint])
        .args(["--run-id", logs.run_id, "--service", logs.service])
        .args(["--first", &logs.first.to_string(), "--count", &logs.count.to_string()]);
    Ok(command)
}
