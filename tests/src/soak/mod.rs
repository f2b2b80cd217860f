//! An agent under traffic and faults for hours: the books are checked all along, and what it takes
//! of the machine is written down.

mod books;
mod clock;
mod course;
mod faults;
mod inject;
mod report;
mod samples;
mod supervisor;
mod traffic;

use std::{fs, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use anyhow::{Context, Result};

use self::course::Course;
pub use self::faults::Fault;
use crate::{binary::Home, link::VethPair, netns::Namespace, trace::RELAY};

/// How a soak is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long traffic and faults last.
    pub length: Duration,
    /// It goes on until each fault came, however long that takes.
    pub each: bool,
    /// The same seed brings the same faults after the same times.
    pub seed: u64,
    /// Gets the samples, the agents' log, the summary and the plot.
    pub out: PathBuf,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Time from one fault to the next, on average.
    pub every: Duration,
    /// Between two looks.
    pub look: Duration,
    /// Packets a second of the mix.
    pub rate: u32,
    /// MiB that an agent may have resident.
    pub most_resident: u64,
    /// More arguments of `collector run`.
    pub arguments: Vec<String>,
}

/// Runs it to its end, or until `stop` is set; gives the summary.
///
/// # Errors
/// The books do not hold, an agent ended unasked, or it took more and more of the machine: the
/// message names the seed. What is kept is written all the same.
pub fn run(plan: &Plan, stop: &AtomicBool) -> Result<String> {
    fs::create_dir_all(&plan.out)?;
    let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
    let interface = VethPair::between(&near, &far)?.a.name;
    for (address, length) in [(RELAY.0.to_string(), 32), (RELAY.1.to_string(), 128)] {
        near.ip(&format!("address add {address}/{length} dev {interface}"))?;
    }
    let home = Home::new()?;
    let mut course = Course::new(plan, &home, [&near, &far], &interface)?;
    let outcome = course.until(stop).and_then(|()| course.end());
    let failure = outcome.as_ref().err().map(|error| format!("{error:#}"));
    let summary = course.keep(failure.as_deref())?;
    outcome.with_context(|| format!("the soak of seed {} failed", plan.seed))?;
    Ok(summary)
}
