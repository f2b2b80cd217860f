//! Programs from PyPI, each in a virtual environment of its own in the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{caller::Caller, command, packages};

/// The Python of the environment in `folder` that has `wanted` (`NAME==VERSION`); made where it
/// is absent.
pub(crate) fn environment(folder: &Path, wanted: &str, caller: &Caller) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    let mut freeze = caller.command(&python);
    freeze.args(["-m", "pip", "freeze"]);
    if command::read(&mut freeze).is_ok_and(|all| all.lines().any(|it| it == wanted)) {
        return Ok(python);
    }
    packages::install(caller, packages::PYTHON)?;
    eprintln!("setup: installing {wanted} into {}", folder.display());
    let mut make = caller.command("/usr/bin/python3");
    command::run(make.args(["-m", "venv"]).arg(folder))?;
    let mut install = caller.command(&python);
    install.args(["-m", "pip", "install", "--quiet"]);
    install.args(["--disable-pip-version-check", wanted]);
    command::run(&mut install).context("PyPI is needed once")?;
    Ok(python)
}
