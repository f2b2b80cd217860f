//! What an agent takes of the kernel's memory.

use std::{collections::BTreeMap, fs, os::fd::AsRawFd};

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

/// The number behind `name` in a file of /proc.
fn value(path: &str, name: &str) -> Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    Ok(number
        .with_context(|| format!("{name} in {path}"))?
        .parse()?)
}
