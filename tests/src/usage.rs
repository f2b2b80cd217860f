//! What a process takes of the machine.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::{Pid, SysconfVar, sysconf},
};

/// User and system time of a process (proc(5), fields 14 and 15 of stat).
///
/// # Errors
/// There is no such process.
pub fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = stat
        .rsplit_once(") ")
        .context("stat has a name in brackets")?
        .1;
    let ticks = |index: usize| -> Result<f64> {
        Ok(fields
            .split(' ')
            .nth(index)
            .context("a short stat line")?
            .parse::<f64>()?)
    };
    let per_second = sysconf(SysconfVar::CLK_TCK)?.context("no clock tick")? as f64;
    Ok(Duration::from_secs_f64(
        (ticks(11)? + ticks(12)?) / per_second,
    ))
}

/// The most memory that a process has had at a time, bytes.
///
/// # Errors
/// There is no such process.
pub fn peak_memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("no peak in status")?.parse::<u64>()? << 10)
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
