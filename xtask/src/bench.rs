//! `bench`: measurements.

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
  cargo xtask bench agent     the agent's own CPU at the highest packet rate (as root)")]
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
}

/// `cargo xtask bench`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    crate::build::all(Profile::Release, workspace, caller)?;
    let (program, arguments) = match &arguments.what {
        What::Kernel { arguments } => ("bench-kernel", arguments),
        What::Agent { arguments } => ("bench-agent", arguments),
    };
    let mut cargo = caller.cargo(&workspace.root);
    cargo
        .args(["run", "--release", "--package", "collector-tests"])
        .args(["--bin", program, "--"])
        .args(arguments);
    runner::with_rights(&mut cargo, caller, &[])?;
    command::run(&mut cargo)
}
