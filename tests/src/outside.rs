//! Flows as other programs count them: tables that lie beside captures.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use collector::record::Record;
use collector_common::packet::protocol;
use serde_json::Value;

/// A flow as NFStream tells it, without addresses: transport, both ports (the smaller first; 0 for
/// all but TCP and UDP), packets and bytes of both directions together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Told {
    /// IANA's name in small letters, or the number.
    pub transport: String,
    /// Ports.
    pub ports: [u16; 2],
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire, with the link header.
    pub bytes: u64,
}

/// Equal flows, and how many.
pub type Multiset = BTreeMap<Told, usize>;

/// Of the records of a replay.
#[must_use]
pub fn of_records(records: &[Record]) -> Multiset {
    let told = records.iter().map(|record| {
        let key = &record.flow.key;
        let has_ports = matches!(key.protocol, protocol::TCP | protocol::UDP);
        let mut ports = if has_ports { key.port } else { [0; 2] };
        ports.sort_unstable();
        let sum = record.counts[0].plus(record.counts[1]);
        Told {
            transport: name(key.protocol),
            ports,
            packets: sum.packets,
            bytes: sum.bytes,
        }
    });
    counted(told)
}

/// Of a file of NFStream's flows, one object a line.
///
/// # Errors
/// The file is missing or of another form.
pub fn of_nfstream(path: &Path) -> Result<Multiset> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let told: Result<Vec<Told>> = text.lines().map(line).collect();
    Ok(counted(told?))
}

fn line(line: &str) -> Result<Told> {
    let flow: Value = serde_json::from_str(line)?;
    let number = |name: &str| flow[name].as_u64().with_context(|| name.to_owned());
    let mut ports = [
        number("src_port")?.try_into()?,
        number("dst_port")?.try_into()?,
    ];
    ports.sort_unstable();
    Ok(Told {
        transport: flow["l4"].as_str().context("l4")?.to_owned(),
        ports,
        packets: number("packets")?,
        bytes: number("bytes")?,
    })
}

fn counted(told: impl IntoIterator<Item = Told>) -> Multiset {
    let mut counted = Multiset::new();
    for told in told {
        *counted.entry(told).or_default() += 1;
    }
    counted
}

/// As the corpus writes it (IANA, protocol numbers).
fn name(number: u8) -> String {
    let name = match number {
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        1 => "icmp",
        2 => "igmp",
        50 => "esp",
        58 => "icmpv6",
        112 => "vrrp",
        113 => "pgm",
        132 => "sctp",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// What `one` has more often than `other`.
#[must_use]
pub fn more_in(one: &Multiset, other: &Multiset) -> Multiset {
    let more = one.iter().filter_map(|(told, count)| {
        let more = count.saturating_sub(other.get(told).copied().unwrap_or_default());
        (more > 0).then(|| (told.clone(), more))
    });
    more.collect()
}
