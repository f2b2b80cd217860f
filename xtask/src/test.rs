//! `test`: everything that breaks daily, part by part.

mod parts;
mod report;
pub(crate) mod runner;

use std::time::Instant;

use anyhow::{Result, bail};

use self::{
    parts::{Part, Work},
    report::{Outcome, Report},
};
use crate::{caller::Caller, failure::Usage, workspace::Workspace};

/// Run the tests; as root, or with sudo for the parts that load kernel programs.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask test                everything, under 30 minutes from an empty target folder
  cargo xtask test fmt clippy     two parts
  cargo xtask test --list         the parts
  cargo xtask test --full         more rounds of what takes long")]
pub(crate) struct Arguments {
    /// Only these parts (and what they need).
    parts: Vec<String>,
    /// More rounds of what takes long: sets COLLECTOR_FULL=1 for the tests.
    #[arg(long)]
    full: bool,
    /// Print the parts and stop.
    #[arg(long)]
    list: bool,
}

/// `cargo xtask test`
pub(crate) fn run(arguments: &Arguments, workspace: &Workspace, caller: &Caller) -> Result<()> {
    let parts = parts::all(workspace)?;
    if arguments.list {
        let width = parts.iter().map(|part| part.name.len()).max();
        let width = width.unwrap_or_default();
        for part in &parts {
            println!("{:width$}  {}", part.name, part.about);
        }
        return Ok(());
    }
    let chosen = parts::choose(parts, &arguments.parts).map_err(Usage)?;
    let work = Work {
        workspace,
        caller,
        full: arguments.full,
    };
    let report = run_parts(&chosen, &work);
    println!("\n{report}");
    if report.has_failed() {
        bail!("see the parts above that failed; `cargo xtask test PART` runs one again");
    }
    Ok(())
}

/// Runs on after a failure, so that one run shows everything, except in parts that need what
/// failed.
fn run_parts(parts: &[Part], work: &Work<'_>) -> Report {
    let mut report = Report::default();
    for part in parts {
        if let Some(needed) = part.needs.iter().find(|name| report.failed(name)) {
            report.add(&part.name, Outcome::Skipped(format!("{needed} failed")));
            continue;
        }
        eprintln!("\n=== {}: {}", part.name, part.about);
        let start = Instant::now();
        let outcome = match (part.run)(part, work) {
            Ok(()) => Outcome::Passed(start.elapsed()),
            Err(error) => {
                eprintln!("=== {}: failed: {error:#}", part.name);
                Outcome::Failed(start.elapsed())
            }
        };
        report.add(&part.name, outcome);
    }
    report
}
