//! Tests and benchmarks that load kernel programs: built as the caller, run as root.

use std::{env, process::Command};

use anyhow::{Result, bail};

use super::parts::Work;
use crate::{caller::Caller, command, workspace::Profile};

/// Where cargo looks for the program that starts what it built, for the only host we know.
const RUNNER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

/// The part that looks into the agent as it is shipped.
const SHIPPED: &str = "canary";

/// Where captures lie that are not in the repository.
const CAPTURES: [&str; 2] = ["COLLECTOR_CORPUS", "COLLECTOR_TORNET"];

/// `cargo test -p collector-tests`: one test at a time, since they count packets at full rate and
/// share two cores.
pub(super) fn test(work: &Work<'_>, target: &[&str]) -> Result<()> {
    let mut variables = vec![("COLLECTOR_REQUIRE_KERNEL", "1")];
    if work.full {
        variables.push(("COLLECTOR_FULL", "1"));
    }
    // What a compiler leaves on stacks and in unused bytes shows in the build that is shipped.
    let agent = work.workspace.agent(Profile::Release);
    if let Some(path) = agent.to_str().filter(|_| target.contains(&SHIPPED)) {
        variables.push(("COLLECTOR_BINARY", path));
    }
    let folders = CAPTURES.map(|name| (name, env::var(name).ok()));
    for (name, folder) in &folders {
        variables.extend(folder.as_deref().map(|folder| (*name, folder)));
    }
    let mut cargo = work.caller.cargo(&work.workspace.root);
    cargo
        .args(["test", "--package", "collector-tests"])
        .args(target);
    cargo.args(["--", "--test-threads", "1"]);
    with_rights(&mut cargo, work.caller, &variables)?;
    command::run(&mut cargo)
}

/// Lets cargo start what it builds as root, with these variables set.
pub(crate) fn with_rights(
    cargo: &mut Command,
    caller: &Caller,
    variables: &[(&str, &str)],
) -> Result<()> {
    if caller.builds_as_root() {
        cargo.envs(variables.iter().copied());
        return Ok(());
    }
    let Some(sudo) = command::find("sudo") else {
        bail!("kernel programs are loaded by root only: run this as root, or install sudo");
    };
    // sudo clears the environment, so `env` sets it again behind it.
    let words = variables
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    let runner = format!("{} env{}", sudo.display(), words.collect::<String>());
    cargo.env(RUNNER, runner);
    Ok(())
}
