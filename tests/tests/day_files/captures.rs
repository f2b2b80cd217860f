//! Captures of three exits over two days, made by rule.

use std::{fs, io::Write, net::Ipv4Addr, path::Path};

use anyhow::Result;
use collector_tests::trace::{
    HEADER_LEN, Kind, Limit, Mix, Outputs, RECORD_HEADER_LEN, Resolution, Shares, Trace,
};

/// The relay whose interface the generator captures.
pub(crate) const RELAY: [&str; 2] = ["203.0.113.9", "2001:db8:ffff::9"];

/// Nodes, with the hour at which each was captured.
pub(crate) const NODES: [(&str, u32); 3] = [("us", 3), ("de", 11), ("jp", 20)];

const DAYS: u32 = 2;
const FLOWS: u64 = 2000;

/// The generator's hosts, 198.18.0.0/15, are at no place; these are somewhere.
const SOMEWHERE: u8 = 11;
const FIRST: Ipv4Addr = Ipv4Addr::new(SOMEWHERE, 18, 0, 0);
const ADDRESSES: u32 = 1 << 17;

/// Addresses of 1,024 that a country has, the rest are unknown: of some there will be few flows.
const COUNTRIES: [(&str, u32); 12] = [
    ("US", 460),
    ("NL", 180),
    ("DE", 120),
    ("RU", 90),
    ("FR", 60),
    ("JP", 40),
    ("GB", 30),
    ("CH", 20),
    ("SE", 8),
    ("MT", 2),
    ("NZ", 2),
    ("LI", 1),
];

/// Country data in the form of tor's `geoip`.
pub(crate) fn write_countries(path: &Path) -> Result<()> {
    let mut file = fs::File::create(path)?;
    // Small parts, so that every country has addresses all over.
    for part in 0..ADDRESSES / 1024 {
        let mut low = FIRST.to_bits() + part * 1024;
        for (country, addresses) in COUNTRIES {
            writeln!(file, "{low},{},{country}", low + addresses - 1)?;
            low += addresses;
        }
    }
    Ok(())
}

/// The captures of a node.
pub(crate) fn write_captures(folder: &Path, node: usize) -> Result<()> {
    let (name, hour) = NODES[node];
    for day in 0..DAYS {
        let seed = u64::from(10 * day) + node as u64;
        let mut capture = mix(seed)?;
        let later = (24 * day + hour + day) * 3600;
        change(&mut capture, later)?;
        fs::write(folder.join(format!("{name}-{day}.pcap")), capture)?;
    }
    Ok(())
}

fn mix(seed: u64) -> Result<Vec<u8>> {
    let trace = Trace {
        kind: Kind::Mix(Mix {
            limit: Limit::Flows(FLOWS),
            concurrency: 200,
            shares: Shares::default(),
            ipv6: 20,
            mean_packets: 20.0,
        }),
        rate: 1000,
        resolution: Resolution::Micro,
        seed,
    };
    let mut capture = Vec::new();
    trace.write(Outputs {
        capture: &mut capture,
        truth: None,
        progress: &mut |_| {},
    })?;
    Ok(capture)
}

/// Moves packets `later`, seconds, and hosts of IPv4 to public addresses.
fn change(capture: &mut [u8], later: u32) -> Result<()> {
    let mut at = usize::try_from(HEADER_LEN)?;
    while at < capture.len() {
        let word =
            |at: usize| -> Result<u32> { Ok(u32::from_le_bytes(capture[at..at + 4].try_into()?)) };
        let (time, length) = (word(at)?, usize::try_from(word(at + 8)?)?);
        capture[at..at + 4].copy_from_slice(&(time + later).to_le_bytes());
        at += usize::try_from(RECORD_HEADER_LEN)?;
        move_hosts(&mut capture[at..at + length]);
        at += length;
    }
    Ok(())
}

fn move_hosts(frame: &mut [u8]) {
    const IPV4: [u8; 2] = [0x08, 0x00];
    if frame[12..14] != IPV4 {
        return;
    }
    for address in [26, 30] {
        if matches!(frame[address..address + 2], [198, 18 | 19]) {
            frame[address] = SOMEWHERE;
        }
    }
}
