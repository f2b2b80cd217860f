//! `soak`: hours of traffic and faults.

use std::path::PathBuf;

use anyhow::Result;

use crate::{
    build,
    caller::Caller,
    command,
    test::runner,
    workspace::{Profile, Workspace},
};

/// Run the agent under traffic and faults for hours, as root; see docs/reliability.md.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask soak --hours 2                 a fault a minute; target/soak has what is seen
  cargo xtask soak --hours 0.05 --seed 7     the faults of this seed
  cargo xtask soak --hours 1 --faults kill,clock -- --every 20
  cargo xtask soak --hours 1 -- --help       what else can be chosen")]
pub(crate) struct Arguments {
    /// How long.
    #[arg(long)]
    hours: f64,
    /// Brings the same faults after the same times.
    #[arg(long)]
    seed: Option<u64>,
    /// Gets the samples, the agents' log, the summary and the plot [default: target/soak].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What goes wrong: kill, full, read-only, ring, flap, reload, restart, and clock, which the
    /// whole machine sees [default: all but clock].
    #[arg(long)]
    faults: Option<String>,
    /// More arguments of the soak itself.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// `cargo xtask soak`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    build::all(Profile::Release, workspace, caller)?;
    let out = arguments.out.clone();
    let out = std::path::absolute(out.unwrap_or_else(|| workspace.target.join("soak")))?;
    let mut cargo = caller.cargo(&workspace.root);
    cargo
        .args(["run", "--release", "--package", "collector-tests"])
        .args(["--bin", "soak", "--", "--hours"])
        .arg(arguments.hours.to_string())
        .arg("--out")
        .arg(out);
    if let Some(seed) = arguments.seed {
        cargo.args(["--seed", &seed.to_string()]);
    }
    if let Some(faults) = &arguments.faults {
        cargo.args(["--faults", faults]);
    }
    cargo.args(&arguments.arguments);
    runner::with_rights(&mut cargo, caller, &[])?;
    command::run(&mut cargo)
}
