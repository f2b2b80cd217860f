//! `fuzz`: hostile input by the million.

use anyhow::{Context, Result};

use crate::{caller::Caller, command, setup, workspace::Workspace};

/// Feed a part of the code with hostile input until it breaks or time is up.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz parser                   packets, from headers to counters, a minute long
  cargo xtask fuzz reader --seconds 3600    captures, from compressed bytes to frames

What broke lies in fuzz/artifacts/TARGET; `cargo xtask fuzz TARGET FILE…` runs it again.")]
pub(crate) struct Arguments {
    /// What to feed: a file in fuzz/fuzz_targets.
    #[arg(value_parser = ["parser", "reader"])]
    target: String,
    /// Run these inputs once, instead of looking for new ones.
    files: Vec<std::path::PathBuf>,
    /// How long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

/// Longest input, bytes: captures of a few packets, packets of a few headers.
const MOST: u32 = 2048;

/// `cargo xtask fuzz`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    setup::for_fuzz(workspace, caller)?;
    let corpus = workspace.root.join("fuzz/corpus").join(&arguments.target);
    let mut fuzz = caller.command(workspace.tool("cargo-fuzz"));
    fuzz.args(["fuzz", "run", "--codegen-units=16", "--target-dir"])
        .arg(workspace.target.join("fuzz"))
        .arg(&arguments.target)
        .args(&arguments.files)
        .arg("--")
        .arg(format!("-max_total_time={}", arguments.seconds))
        .arg(format!("-max_len={MOST}"))
        .arg("-print_final_stats=1")
        .current_dir(&workspace.root)
        // The stable compiler has the sanitizer's flags behind this switch.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("COLLECTOR_SEEDS", corpus);
    command::run(&mut fuzz).context(
        "what broke is in fuzz/artifacts: fix it, and keep the input as a case of a unit test",
    )
}
