//! `clickstack-collector run | check-config | migrate | health | spool`.

use std::process::ExitCode;

use clap::Parser;
use collector::{
    admin,
    args::Command,
    letters, run,
    settings::{self, Settings},
    telemetry,
};

fn main() -> ExitCode {
    let variables = settings::environment();
    let (arguments, warnings) = settings::arguments(std::env::args());
    let command = Command::parse_from(arguments);
    if let Command::Spool { directory: Some(directory), command, .. } = &command {
        return end(run::block_on(letters::run(command, directory, &mut std::io::stdout())));
    }
    let settings = match Settings::load(&command.file().config, &variables) {
        Ok(settings) => settings,
        Err(error) => return fail(&anyhow::Error::new(error), 2),
    };
    telemetry::start(&settings.log_filter);
    if !matches!(command, Command::Health(_) | Command::Spool { .. }) {
        settings.warn(&warnings);
    }
    end(match command {
        Command::Health(_) => run::block_on(admin::ask(settings.config.admin.health)),
        Command::CheckConfig(_) => Ok(()),
        Command::Run(_) => run::block_on(run::run(settings)),
        Command::Migrate(_) => run::block_on(async { run::migrate(&settings).await }),
        Command::Spool { command, .. } => match &settings.config.spool {
            Some(spool) => run::block_on(letters::run(&command, spool.directory.as_ref(), &mut std::io::stdout())),
            None => Err(anyhow::anyhow!("the configuration has no spool; name its folder with --directory")),
        },
    })
}

fn end(result: anyhow::Result<()>) -> ExitCode {
    result.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("clickstack-collector: {error:#}");
    ExitCode::from(code)
}
