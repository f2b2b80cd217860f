//! The command line of the flow meter.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    collector::commands::execute(collector::cli::Cli::parse())
}
