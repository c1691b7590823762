//! The command line. Must not do anything.

use std::path::PathBuf;

use crate::letters;

/// Takes telemetry over OTLP and stores it in ClickHouse, for ClickStack.
#[derive(Debug, clap::Parser)]
#[command(name = "clickstack-collector", version)]
pub enum Command {
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
pub struct File {
    /// The configuration file [default: /etc/clickstack/collector.yaml, or without one the environment]. It may stand
    /// several times, as for an OpenTelemetry Collector; one of them may be this collector's.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
}

impl Command {
    pub const fn file(&self) -> &File {
        match self {
            Self::Run(file) | Self::CheckConfig(file) | Self::Migrate(file) | Self::Health(file) => file,
            Self::Spool { file, .. } => file,
        }
    }
}
