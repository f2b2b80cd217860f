//! What an agent takes of the machine.

use std::{collections::BTreeMap, fs, os::fd::AsRawFd, time::Duration};

use anyhow::{Context, Result};
use aya::maps::MapData;
use collector_common::names;
use collector_tests::binary::Home;

/// Bytes of kernel memory by map.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kernel(BTreeMap<&'static str, u64>);

impl Kernel {
    /// Of the maps that the agent at `home` has pinned.
    pub(crate) fn of(home: &Home) -> Result<Self> {
        let pinned = home.pinned();
        let memory = |name: &'static str| {
            let pin = pinned.iter().find(|path| path.ends_with(name));
            let map = MapData::from_pin(pin.with_context(|| format!("no pinned {name}"))?)?;
            Ok((name, told(&map)?))
        };
        names::MAPS
            .into_iter()
            .map(memory)
            .collect::<Result<_>>()
            .map(Self)
    }
}

fn told(map: &MapData) -> Result<u64> {
    let number = std::os::fd::AsFd::as_fd(map.fd()).as_raw_fd();
    value(&format!("/proc/self/fdinfo/{number}"), "memlock:")
}

/// What a process has used so far.
#[derive(Debug)]
pub(crate) struct Use {
    /// In user space and in the kernel.
    pub(crate) cpu: Duration,
    /// Bytes, at the worst moment.
    pub(crate) most_resident: u64,
}

impl Use {
    pub(crate) fn of(process: u32) -> Result<Self> {
        let schedule = format!("/proc/{process}/task");
        let mut cpu = Duration::ZERO;
        for task in fs::read_dir(schedule)? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let first = text.split_whitespace().next().context("no time")?;
            cpu += Duration::from_nanos(first.parse()?);
        }
        Ok(Self {
            cpu,
            most_resident: value(&format!("/proc/{process}/status"), "VmHWM:")? << 10,
        })
    }
}

/// The number behind `name` in a file of /proc.
fn value(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number
        .with_context(|| format!("{name} in {path}"))?
        .parse()?)
}
