//! The command line with a hole in it: see `collector::rights::planted`.

use std::process::ExitCode;

use clap::Parser;
use collector::{cli::Cli, commands, process};

fn main() -> ExitCode {
    if let Err(error) = process::seal() {
        eprintln!("collector: closing the process to others: {error}");
        return ExitCode::FAILURE;
    }
    commands::execute(Cli::parse())
}
