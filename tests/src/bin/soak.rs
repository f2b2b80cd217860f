//! The agent under traffic and faults for hours; see docs/reliability.md.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use anyhow::{Result, ensure};
use clap::Parser;
use collector_tests::soak::{Fault, Plan, run};

/// The agent under traffic and faults.
#[derive(Parser)]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 2.0)]
    hours: f64,
    /// Brings the same faults after the same times; by chance without it
    #[arg(long)]
    seed: Option<u64>,
    /// Gets samples.tsv, events.tsv, agent.log, summary.md and soak.svg
    #[arg(long, default_value = "target/soak", value_name = "DIR")]
    out: PathBuf,
    /// What goes wrong: kill, full, read-only, ring, flap, reload, restart, and clock, which the
    /// whole machine sees [default: all but clock]
    #[arg(long, value_delimiter = ',')]
    faults: Vec<Fault>,
    /// Time from one fault to the next, on average
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    every: u64,
    /// Packets a second of the mix
    #[arg(long, default_value_t = 3000)]
    rate: u32,
    /// Memory that the agent may have resident
    #[arg(long, default_value_t = 150, value_name = "MIB")]
    most_resident: u64,
    /// More arguments of `collector run`
    #[arg(last = true)]
    arguments: Vec<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let hours = arguments.hours;
    ensure!(
        hours > 0.0 && hours < 10_000.0,
        "--hours {hours} is no length"
    );
    let mut faults = arguments.faults;
    if faults.is_empty() {
        faults = Fault::harmless();
    }
    let plan = Plan {
        length: Duration::from_secs_f64(hours * 3600.0),
        each: false,
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000)),
        out: arguments.out,
        faults,
        every: Duration::from_secs(arguments.every.max(1)),
        look: Duration::from_secs(10),
        rate: arguments.rate,
        most_resident: arguments.most_resident,
        arguments: arguments.arguments,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))?;
    eprintln!(
        "seed {}; {} has what is seen",
        plan.seed,
        plan.out.display()
    );
    print!("{}", run(&plan, &stop)?);
    Ok(())
}
