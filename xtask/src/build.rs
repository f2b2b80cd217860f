//! `build`: the kernel object, then the agent that embeds it.

use anyhow::{Context, Result};

use crate::{
    caller::Caller,
    command, setup,
    workspace::{Profile, Workspace},
};

/// Build the kernel programs and the agent.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build            target/release/collector
  cargo xtask build --debug    compiles faster, meters slower")]
pub(crate) struct Arguments {
    /// Without optimisation of the agent; the kernel programs are always optimised.
    #[arg(long)]
    debug: bool,
}

/// `cargo xtask build`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let profile = if arguments.debug {
        Profile::Debug
    } else {
        Profile::Release
    };
    all(profile, workspace, caller)?;
    println!("{}", workspace.agent(profile).display());
    Ok(())
}

/// Everything that the agent needs, fetched and built.
pub(crate) fn all(profile: Profile, workspace: &Workspace, caller: &Caller) -> Result<()> {
    kernel_programs(workspace, caller)?;
    agent(profile, workspace, caller).context("building the agent")
}

/// The kernel object, which everything that contains the agent embeds.
pub(crate) fn kernel_programs(workspace: &Workspace, caller: &Caller) -> Result<()> {
    setup::for_build(workspace, caller)?;
    kernel_object(workspace, caller).context("building the kernel programs")
}

/// Compiles crate `collector-ebpf`.
fn kernel_object(workspace: &Workspace, caller: &Caller) -> Result<()> {
    let linker = format!("-Clinker={}", workspace.tool("bpf-linker").display());
    let flags = [
        // Atomic adds that return nothing, and 32-bit jumps.
        "-Ctarget-cpu=v3",
        // Packet headers are not aligned, and the kernel's JITs read them as they are.
        "-Ctarget-feature=+allows-misaligned-mem-access",
        "-Cdebuginfo=2",
        &linker,
        "-Clink-arg=--btf",
    ];
    command::run(
        caller
            .cargo(&workspace.root.join("collector-ebpf"))
            .args(["build", "--release", "-Zbuild-std=core"])
            .args(["--target", "bpfel-unknown-none", "--target-dir"])
            .arg(workspace.target.join("bpf"))
            // The stable compiler, with the unstable features that compiling `core` takes.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")),
    )
}

fn agent(profile: Profile, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let mut cargo = caller.cargo(&workspace.root);
    cargo.args(["build", "--package", "collector"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    command::run(&mut cargo)
}
