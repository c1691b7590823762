//! Flags in, exit code out. Must not contain logic.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use operator::{
    args::{Args, Command},
    check,
    error::chain,
    run, telemetry,
};

fn main() -> ExitCode {
    let args = Args::parse();
    telemetry::start(args.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = chain(&error), "cannot start the runtime");
            return ExitCode::FAILURE;
        }
    };
    if let Some(Command::Check { address, within }) = args.command {
        return match runtime.block_on(check::check(&address, Duration::from_secs(within))) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(address, error = chain(&error), "the operator is not ready");
                ExitCode::FAILURE
            }
        };
    }
    match runtime.block_on(run::run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&error), "the operator stops");
            ExitCode::FAILURE
        }
    }
}
