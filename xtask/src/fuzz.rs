//! `fuzz`: hostile input by the million.

use anyhow::{Context, Result};

use crate::{caller::Caller, command, failure::Usage, setup, workspace::Workspace};

/// Feed a part of the code with hostile input until it breaks or time is up.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask fuzz parser                   packets, from headers to counters, a minute long
  cargo xtask fuzz reader --seconds 3600    captures, from compressed bytes to frames
  cargo xtask fuzz web                      payload, for the dissectors of the web
  cargo xtask fuzz torrc                    a file; readers are geoip, geoip6, libloc, mmdb, asn,
                                            torrc, consensus, configuration, spool, days, budget,
                                            closed, answer

What broke lies in fuzz/artifacts/TARGET; `cargo xtask fuzz TARGET FILE…` runs it again.")]
pub(crate) struct Arguments {
    /// What to feed: packets, captures, a family of dissectors, or one of readers.
    target: String,
    /// Run these inputs once, instead of looking for new ones.
    files: Vec<std::path::PathBuf>,
    /// How long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

/// Longest input, bytes: captures of a few packets, packets of a few headers, a few lines of a file.
const MOST: u32 = 8192;

/// Families of readers; `collector::fuzz` has their bodies.
const READERS: [&str; 13] = [
    "geoip",
    "geoip6",
    "libloc",
    "mmdb",
    "asn",
    "torrc",
    "consensus",
    "configuration",
    "spool",
    "days",
    "budget",
    "closed",
    "answer",
];

/// `cargo xtask fuzz`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    setup::for_fuzz(workspace, caller)?;
    let name = &arguments.target;
    let target = target(workspace, name)?;
    let corpus = workspace.root.join("fuzz/corpus").join(name);
    let artifacts = workspace.root.join("fuzz/artifacts").join(name);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let mut fuzz = caller.command(workspace.tool("cargo-fuzz"));
    fuzz.args(["fuzz", "run", "--codegen-units=16", "--target-dir"])
        .arg(workspace.target.join("fuzz"))
        .arg(target);
    if arguments.files.is_empty() {
        fuzz.arg(&corpus);
        // Kept in the repository; what is new goes to the first folder.
        let seeds = workspace.root.join("fuzz/seeds").join(name);
        fuzz.args(seeds.is_dir().then_some(seeds));
    }
    fuzz.args(&arguments.files)
        .arg("--")
        .arg(format!("-max_total_time={}", arguments.seconds))
        .arg(format!("-max_len={MOST}"))
        .arg("-print_final_stats=1")
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .current_dir(&workspace.root)
        // The stable compiler has the sanitizer's flags behind this switch.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("COLLECTOR_SEEDS", corpus)
        .env("COLLECTOR_FAMILY", name);
    let captures = workspace.root.join("../shared/corpus");
    if std::env::var_os("COLLECTOR_CORPUS").is_none() && captures.is_dir() {
        fuzz.env("COLLECTOR_CORPUS", captures);
    }
    command::run(&mut fuzz).context(
        "what broke is in fuzz/artifacts: fix it, and keep the input as a case of a unit test",
    )
}

/// The file in fuzz/fuzz_targets; the families of dissectors share one, and those of readers.
fn target(workspace: &Workspace, name: &str) -> Result<&'static str> {
    match name {
        "parser" => return Ok("parser"),
        "reader" => return Ok("reader"),
        _ if READERS.contains(&name) => return Ok("readers"),
        _ => {}
    }
    let protocols = workspace.root.join("collector/src/inspect/protocols");
    let family = !name.contains(['/', '.']) && protocols.join(name).is_dir();
    if !family {
        return Err(Usage(format!(
            "{name} is neither parser, reader, one of {}, nor a folder of {}",
            READERS.join(", "),
            protocols.display()
        ))
        .into());
    }
    Ok("dissectors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_of_readers_has_seeds() {
        for name in READERS {
            let folder = Workspace::here().root.join("fuzz/seeds").join(name);
            assert!(folder.is_dir(), "{}", folder.display());
        }
    }
}
