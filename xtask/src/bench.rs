//! `bench`: measurements.

mod comparison;
mod input;
pub(crate) mod measure;
mod programs;
mod replay;

use std::process::Command;

use anyhow::Result;

use crate::{
    caller::Caller,
    command,
    test::runner,
    workspace::{Profile, Workspace},
};

/// Measure.
#[derive(clap::Args)]
#[command(after_help = "Example:
  cargo xtask bench kernel    nanoseconds per packet of the kernel programs (as root)
  cargo xtask bench agent     the agent's own CPU at the highest packet rate (as root)
  cargo xtask bench sweep     closing over a table of a million flows (as root)
  cargo xtask bench replay    replay beside NFStream, ndpiReader and softflowd
  cargo xtask bench locate    nanoseconds to find an address's country in tor's files
  cargo xtask bench records   from a flow that ended to its line: records a second, bytes a record
  cargo xtask bench replay --flood-peers --limit-gib 16 --runs 1")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Nanoseconds per packet: an empty program, a floor program and ours.
    Kernel {
        /// Arguments of the benchmark itself.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// The agent's share of a core while 1,000 established flows carry all that goes.
    Agent {
        /// Arguments of the benchmark itself.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// The agent's share of a core while 20,000 flows a second begin and end over a table of a
    /// million, and how long a pass takes.
    Sweep {
        /// Arguments of the benchmark itself.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Nanoseconds to find an address's country, over the country data of this machine.
    Locate {
        /// Arguments of the benchmark itself.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Records a second that are located, made fit for publishing, written and closed, and how much
    /// room they take: of the generated mix, with far addresses in real countries.
    Records {
        /// Arguments of the benchmark itself.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Speed and memory of `collector replay` beside its peers, on the same captures.
    Replay(replay::Arguments),
}

/// `cargo xtask bench`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    match &arguments.what {
        What::Kernel { arguments } => kernel("bench-kernel", arguments, workspace, caller),
        What::Agent { arguments } => kernel("bench-agent", arguments, workspace, caller),
        What::Sweep { arguments } => kernel("bench-sweep", arguments, workspace, caller),
        What::Locate { arguments } => plain("bench-locate", arguments, workspace, caller),
        What::Records { arguments } => plain("bench-records", arguments, workspace, caller),
        What::Replay(arguments) => replay::run(arguments, workspace, caller),
    }
}

/// A benchmark of the tests' crate that loads kernel programs.
fn kernel(name: &str, arguments: &[String], workspace: &Workspace, caller: &Caller) -> Result<()> {
    crate::build::all(Profile::Release, workspace, caller)?;
    let mut cargo = program(name, arguments, workspace, caller);
    runner::with_rights(&mut cargo, caller, &[])?;
    command::run(&mut cargo)
}

/// A benchmark of the tests' crate that needs no rights.
fn plain(name: &str, arguments: &[String], workspace: &Workspace, caller: &Caller) -> Result<()> {
    crate::build::all(Profile::Release, workspace, caller)?;
    command::run(&mut program(name, arguments, workspace, caller))
}

/// Runs a benchmark of the tests' crate.
fn program(name: &str, arguments: &[String], workspace: &Workspace, caller: &Caller) -> Command {
    let mut cargo = caller.cargo(&workspace.root);
    cargo
        .args(["run", "--release", "--package", "collector-tests"])
        .args(["--bin", name, "--"])
        .args(arguments);
    cargo
}
