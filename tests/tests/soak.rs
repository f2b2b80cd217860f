//! A soak in short: a minute, with each fault once. `cargo xtask soak` runs hours of it.

use std::{sync::atomic::AtomicBool, time::Duration};

use anyhow::Result;
use collector_tests::{
    privileges::root_or_skip,
    soak::{Fault, Plan, run},
};

/// Seconds of the short form, and with `COLLECTOR_FULL=1`.
const SECONDS: [u64; 2] = [20, 180];
/// One fault in so many seconds.
const EVERY: u64 = 2;

#[test]
fn the_books_hold_through_each_fault() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let full = std::env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    let out = tempfile::tempdir()?;
    let plan = Plan {
        length: Duration::from_secs(SECONDS[usize::from(full)]),
        each: true,
        seed: 20,
        out: out.path().to_owned(),
        faults: Fault::harmless(),
        every: Duration::from_secs(EVERY),
        look: Duration::from_secs(2),
        rate: 500,
        // Of a build without optimisation, too.
        most_resident: 200,
        arguments: Vec::new(),
    };
    let summary = run(&plan, &AtomicBool::new(false))?;
    println!("{summary}");
    Ok(())
}
