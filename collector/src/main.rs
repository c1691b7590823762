//! `clickstack-collector run | check-config | migrate | health | spool`.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use collector::{
    admin, letters, run,
    settings::{self, Settings},
    telemetry,
};

/// Takes telemetry over OTLP and stores it in ClickHouse, for ClickStack.
#[derive(Debug, Parser)]
#[command(name = "clickstack-collector", version)]
enum Command {
    /// Run until SIGTERM.
    Run(File),
    /// Check a configuration and exit: 0 it works, 2 it cannot.
    CheckConfig(File),
    /// Create the tables in ClickHouse and exit.
    Migrate(File),
    /// Ask a running collector whether it is well and exit: 0 it is, 1 it is not.
    Health(File),
    /// Look at dead letters, which can never be stored, and send them again.
    Spool {
        /// The spool's folder [default: spool.directory of the configuration].
        #[arg(long, global = true)]
        directory: Option<PathBuf>,
        #[command(flatten)]
        file: File,
        #[command(subcommand)]
        command: letters::Command,
    },
}

#[derive(Debug, clap::Args)]
struct File {
    /// The configuration file [default: /etc/clickstack/collector.yaml, or without one the environment].
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let variables = settings::environment();
    let (arguments, warnings) = settings::arguments(std::env::args());
    let command = Command::parse_from(arguments);
    if let Command::Spool { directory: Some(directory), command, .. } = &command {
        return end(run::block_on(letters::run(command, directory, &mut std::io::stdout())));
    }
    let (Command::Run(file)
    | Command::CheckConfig(file)
    | Command::Migrate(file)
    | Command::Health(file)
    | Command::Spool { file, .. }) = &command;
    let settings = match Settings::load(file.config.as_deref(), &variables) {
        Ok(settings) => settings,
        Err(error) => return fail(&anyhow::Error::new(error), 2),
    };
    telemetry::start(&settings.log_filter);
    if !matches!(command, Command::Health(_) | Command::Spool { .. }) {
        settings.warn(&warnings);
    }
    let result = match command {
        Command::Health(_) => run::block_on(admin::ask(settings.config.admin.health)),
        Command::CheckConfig(_) => Ok(()),
        Command::Run(_) => run::block_on(run::run(settings)),
        Command::Migrate(_) => run::block_on(async { run::migrate(&settings).await }),
        Command::Spool { command, .. } => match &settings.config.spool {
            Some(spool) => run::block_on(letters::run(&command, spool.directory.as_ref(), &mut std::io::stdout())),
            None => Err(anyhow::anyhow!("the configuration has no spool; name its folder with --directory")),
        },
    };
    end(result)
}

fn end(result: anyhow::Result<()>) -> ExitCode {
    result.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("clickstack-collector: {error:#}");
    ExitCode::from(code)
}
