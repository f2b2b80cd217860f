//! The project's own commands. `cargo xtask --help` lists them.

mod bench;
mod build;
mod caller;
mod checks;
mod command;
mod demo;
mod failure;
mod fuzz;
mod gen_trace;
mod load;
mod packages;
mod python;
mod route;
mod setup;
mod soak;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{caller::Caller, workspace::Workspace};

/// Builds, loads and tests the flow meter.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo xtask build-and-load --demo      meter a sandbox and watch the records
  cargo xtask build-and-load --iface eth0
  cargo xtask test                       everything that CI runs

Exit codes: 0 done, 1 something failed, 2 wrong usage.";

#[derive(Subcommand)]
enum Command {
    Setup(setup::Arguments),
    Build(build::Arguments),
    BuildAndLoad(load::Arguments),
    #[command(hide = true)]
    Demo(demo::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Fuzz(fuzz::Arguments),
    Soak(soak::Arguments),
    #[command(hide = true)]
    Measure(bench::measure::Arguments),
    GenTrace(gen_trace::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workspace = Workspace::here();
    let outcome = Caller::detect().and_then(|caller| {
        // Cargo has just built this program, as root under sudo; tests write as root, too.
        caller.take_ownership(&workspace)?;
        let outcome = run(&arguments.command, &workspace, &caller);
        caller.take_ownership(&workspace)?;
        outcome
    });
    failure::exit_code(outcome)
}

fn run(command: &Command, workspace: &Workspace, caller: &Caller) -> anyhow::Result<()> {
    match command {
        Command::Setup(arguments) => setup::run(arguments, workspace, caller),
        Command::Build(arguments) => build::run(arguments, workspace, caller),
        Command::BuildAndLoad(arguments) => load::run(arguments, workspace, caller),
        Command::Demo(arguments) => demo::run(arguments, caller),
        Command::Test(arguments) => test::run(arguments, workspace, caller),
        Command::Bench(arguments) => bench::run(arguments, workspace, caller),
        Command::Fuzz(arguments) => fuzz::run(arguments, workspace, caller),
        Command::Soak(arguments) => soak::run(arguments, workspace, caller),
        Command::Measure(arguments) => bench::measure::run(arguments),
        Command::GenTrace(arguments) => gen_trace::run(arguments, workspace, caller),
    }
}
