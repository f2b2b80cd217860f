//! `gen-trace`: large captures made by rule.

use std::{ffi::OsString, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    build,
    caller::Caller,
    command,
    failure::{Reported, WRONG_USAGE},
    workspace::{Profile, Workspace},
};

/// Write a large capture made by rule: an exit-like mix or a SYN flood.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Arguments of the generator; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// `cargo xtask gen-trace`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let program = program(workspace, caller)?;
    let mut generator = Command::new(&program);
    generator.args(&arguments.arguments);
    let status = generator
        .status()
        .with_context(|| format!("`{}` could not be started", program.display()))?;
    match status.code() {
        Some(0) => Ok(()),
        // It has said what is wrong.
        Some(code) if code == i32::from(WRONG_USAGE) => Err(Reported(WRONG_USAGE).into()),
        Some(_) => Err(Reported(1).into()),
        None => bail!("`{}` ended with {status}", command::shown(&generator)),
    }
}

/// The generator, built.
pub(crate) fn program(workspace: &Workspace, caller: &Caller) -> Result<PathBuf> {
    const NAME: &str = "gen-trace";
    // The tests' crate contains the agent, which embeds the kernel programs.
    build::kernel_programs(workspace, caller)?;
    command::run(
        caller
            .cargo(&workspace.root)
            .args(["build", "--quiet", "--release"])
            .args(["--package", "collector-tests", "--bin", NAME]),
    )?;
    Ok(workspace.program(NAME, Profile::Release))
}
