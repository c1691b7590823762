//! `clickstack-collector run | check-config | migrate`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use collector::{
    run,
    settings::{self, Settings},
    telemetry,
};

/// Takes telemetry over OTLP and stores it in ClickHouse, for ClickStack.
#[derive(Debug, Parser)]
#[command(name = "clickstack-collector", version)]
enum Command {
    /// Run until SIGTERM.
    Run(File),
    /// Check a configuration file and exit: 0 it works, 2 it cannot.
    CheckConfig(File),
    /// Create the tables in ClickHouse and exit.
    Migrate(File),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file.
    #[arg(long, default_value = "/etc/clickstack/collector.yaml")]
    config: PathBuf,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let (Command::Run(file) | Command::CheckConfig(file) | Command::Migrate(file)) = &command;
    let settings = match Settings::load(&file.config) {
        Ok(settings) => settings,
        Err(error) => return fail(&anyhow::Error::new(error), 2),
    };
    telemetry::start(&settings::log_filter());
    let result = match command {
        Command::CheckConfig(_) => return ExitCode::SUCCESS,
        Command::Run(_) => block_on(run::run(settings)),
        Command::Migrate(_) => block_on(async { run::migrate(&settings).await }),
    };
    result.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(run::RUNTIME_STOP);
    result
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("clickstack-collector: {error:#}");
    ExitCode::from(code)
}
