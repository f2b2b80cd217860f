//! The commands, one file each.

mod audit;
mod detach;
mod explain;
mod reload;
mod replay;
mod run;
mod status;
mod top;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use crate::{
    cli::{Cli, Command},
    rights::opener,
};

/// Wrong usage, as clap has it.
const USAGE: u8 = 2;
/// A failure at run time.
const FAILURE: u8 = 1;

/// Runs a command; an error is printed once, with what led to it.
#[must_use]
pub fn execute(cli: Cli) -> ExitCode {
    if let Err(error) = log_to_stderr(&cli.log) {
        return fail(&error, USAGE);
    }
    match cli.command {
        Command::Run(run) => run::execute(*run),
        Command::Replay(replay) => replay::execute(*replay),
        Command::Explain(explain) => explain::execute(explain),
        Command::Audit(audit) => audit::execute(&audit),
        Command::Status(status) => status::execute(&status),
        Command::Top(top) => top::execute(&top),
        Command::Detach(detach) => detach::execute(detach),
        Command::Opener { uid, gid } => finished(opener::run(uid, gid)),
    }
}

fn log_to_stderr(filter: &str) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| anyhow::anyhow!("--log {filter}: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A journal or a file keeps no colours.
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("collector: {error:#}");
    ExitCode::from(code)
}

/// To standard output; a reader that has gone is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// 0, or 1 with the reason printed.
fn finished(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, FAILURE),
    }
}
