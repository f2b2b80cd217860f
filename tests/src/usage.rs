//! What a process takes of the machine, as proc(5) tells.

use std::fs;

use anyhow::{Context, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::{Pid, SysconfVar, sysconf},
};

/// At one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Usage {
    /// Resident memory, shared pages included, KiB.
    pub resident: u64,
    /// The most that was resident at a time, KiB.
    pub most_resident: u64,
    /// User and system time since it started, seconds.
    pub cpu: f64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Of process `id`.
    ///
    /// # Errors
    /// There is none.
    pub fn of(id: u32) -> Result<Self> {
        let path = |name: &str| format!("/proc/{id}/{name}");
        let status = fs::read_to_string(path("status"))?;
        Ok(Self {
            resident: field(&status, "VmRSS:")?,
            most_resident: field(&status, "VmHWM:")?,
            cpu: cpu_seconds(&fs::read_to_string(path("stat"))?)?,
            descriptors: fs::read_dir(path("fd"))?.count() as u64,
            threads: field(&status, "Threads:")?,
        })
    }
}

/// Binds every thread of a process to one core.
///
/// # Errors
/// There is no such process, or no such core.
pub fn pin(process: u32, core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let name = thread?.file_name();
        let id = name.to_str().context("a number")?.parse()?;
        sched_setaffinity(Pid::from_raw(id), &cores)?;
    }
    Ok(())
}

/// The number behind a name in /proc/PID/status.
fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
}

/// Fields 14 and 15 of /proc/PID/stat.
fn cpu_seconds(stat: &str) -> Result<f64> {
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("stat has a name in brackets")?;
    let ticks = |index: usize| -> Result<f64> {
        let field = fields.split(' ').nth(index);
        Ok(field.context("a short stat line")?.parse::<f64>()?)
    };
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock tick")? as f64;
    Ok((ticks(11)? + ticks(12)?) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_takes_something_and_another_is_an_error() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.resident > 0 && usage.descriptors > 2 && usage.threads > 0);
        assert!(Usage::of(u32::MAX).is_err());
    }
}
