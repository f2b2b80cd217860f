//! `setup`: fetches what a build needs, once, into the target folder.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{caller::Caller, checks, command, packages, python, workspace::Workspace};

/// The linker loads the LLVM that ships with rustc, so its LLVM must be of the same major
/// version: 0.10 goes with LLVM 22. Later ones ask for a system LLVM.
const BPF_LINKER: Tool = Tool {
    name: "bpf-linker",
    version: "0.10.0",
    reason: "links the kernel programs (about 2 minutes)",
    options: &[],
};

/// Checks licences, bans and sources of the dependencies.
const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    reason: "checks licences and sources of the dependencies (about 2 minutes)",
    options: &["--debug"], // compiles in half the time, and is fast enough
};

/// Builds and runs the fuzz targets.
const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    reason: "feeds hostile input (about 1 minute)",
    options: &["--debug"], // the targets themselves are optimized
};

/// Whose noise the agent's is compared with.
const OPENDP: &str = "opendp==0.16.0";
/// Prometheus' own reader of metrics pages.
const PROMETHEUS: &str = "prometheus_client==0.22.1";

/// Fetch what the other commands need, once, into target/.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask setup            what a build needs: rust-src, bpf-linker
  cargo xtask setup --tests    also the tests' peers (Debian packages, OpenDP), cargo-deny, /sys/fs/bpf")]
pub(crate) struct Arguments {
    /// Also what the tests need: Debian packages and the BPF file system (as root), OpenDP,
    /// cargo-deny.
    #[arg(long)]
    tests: bool,
}

/// `cargo xtask setup`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    for_build(workspace, caller)?;
    if arguments.tests {
        for_peers(workspace, caller)?;
        for_deny(workspace, caller)?;
    }
    eprintln!("setup: everything is in place");
    Ok(())
}

/// What `build` needs. Says nothing when nothing is missing.
pub(crate) fn for_build(workspace: &Workspace, caller: &Caller) -> Result<()> {
    rust_source(workspace, caller)?;
    BPF_LINKER.install(workspace, caller)
}

/// What the test part `deny` needs.
pub(crate) fn for_deny(workspace: &Workspace, caller: &Caller) -> Result<()> {
    CARGO_DENY.install(workspace, caller)
}

/// What `fuzz` needs.
pub(crate) fn for_fuzz(workspace: &Workspace, caller: &Caller) -> Result<()> {
    CARGO_FUZZ.install(workspace, caller)
}

/// What the tests across crates need: their peers, and a place for pins, which systemd mounts but
/// a container lacks.
pub(crate) fn for_peers(workspace: &Workspace, caller: &Caller) -> Result<()> {
    packages::install(caller, packages::PEERS)?;
    python::environment(&workspace.target.join("opendp"), OPENDP, caller)?;
    python::environment(&workspace.target.join("prometheus"), PROMETHEUS, caller)?;
    if checks::is_bpf_filesystem_mounted() {
        return Ok(());
    }
    let mut mount = Command::new("mount");
    mount.args(["-t", "bpf", "bpf", "/sys/fs/bpf"]);
    if !caller.is_root() {
        bail!(
            "maps can't be pinned: run `sudo {}`",
            command::shown(&mount)
        );
    }
    eprintln!("setup: mounting the BPF file system for the tests' pins");
    command::run(&mut mount)
}

/// The source of `core`: the BPF target ships none compiled.
fn rust_source(workspace: &Workspace, caller: &Caller) -> Result<()> {
    let sysroot = command::read(
        caller
            .command("rustc")
            .args(["--print", "sysroot"])
            .current_dir(&workspace.root),
    )
    .context("rustc is missing: install rustup (package `rustup`, or https://rustup.rs)")?;
    let sysroot = Path::new(&sysroot);
    if sysroot.join("lib/rustlib/src/rust/library/core").exists() {
        return Ok(());
    }
    eprintln!("setup: fetching rust-src, the source of `core` for the kernel programs");
    let add = |toolchain: Option<&str>| {
        let mut rustup = caller.command("rustup");
        rustup.current_dir(&workspace.root);
        rustup.args(["component", "add", "rust-src"]);
        rustup.args(toolchain.iter().flat_map(|name| ["--toolchain", *name]));
        command::run(&mut rustup)
    };
    let Err(error) = add(None) else { return Ok(()) };
    // A toolchain that is a link to another one can't be added to by its own name.
    let real = fs::canonicalize(sysroot)?;
    let name = real.file_name().and_then(|name| name.to_str());
    name.map_or(Err(error), |name| add(Some(name)))
        .context("rust-src could not be added: run `rustup component add rust-src` by hand")
}

/// A program from crates.io.
struct Tool {
    name: &'static str,
    version: &'static str,
    reason: &'static str,
    /// For `cargo install`.
    options: &'static [&'static str],
}

impl Tool {
    fn install(&self, workspace: &Workspace, caller: &Caller) -> Result<()> {
        if self.is_installed(workspace, caller) {
            return Ok(());
        }
        let Self {
            name,
            version,
            reason,
            options,
        } = self;
        let tools = workspace.tools();
        eprintln!(
            "setup: installing {name} {version} into {}: it {reason}",
            tools.display()
        );
        let build = tools.join("build");
        let outcome = command::run(
            caller
                .cargo(&workspace.root)
                .args(["install", name, "--version", version, "--locked", "--force"])
                .args(*options)
                .arg("--root")
                .arg(&tools)
                .env("CARGO_TARGET_DIR", &build),
        );
        let _ = fs::remove_dir_all(&build);
        outcome.with_context(|| format!("{name} could not be installed; crates.io is needed once"))
    }

    fn is_installed(&self, workspace: &Workspace, caller: &Caller) -> bool {
        command::read(caller.command(workspace.tool(self.name)).arg("--version"))
            .is_ok_and(|printed| version_in(&printed) == Some(self.version))
    }
}

/// The version in what a tool prints for `--version`: `bpf-linker 0.10.0`.
fn version_in(printed: &str) -> Option<&str> {
    printed.lines().next()?.split_whitespace().nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_version_is_the_second_word() {
        assert_eq!(version_in("bpf-linker 0.10.0\n"), Some("0.10.0"));
        assert_eq!(version_in("cargo-deny 0.20.2 (abc 2025)"), Some("0.20.2"));
        assert_eq!(version_in("broken"), None);
        assert_eq!(version_in(""), None);
    }
}
