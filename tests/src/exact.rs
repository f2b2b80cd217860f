//! What the meter made of a wire, in the terms of [`Truth`], so that both compare as they are.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::{Context, Result};
use collector::record::Record;
use collector_common::{
    flow::Flow,
    key::Side,
    schema::{Line, Sum},
};

use crate::{
    counts::{Direction, Truth},
    raw_socket::Sent,
};

/// What `side` of a flow sent.
#[must_use]
pub fn direction(flow: &Flow, side: Side) -> Direction {
    Direction {
        protocol: flow.key.protocol,
        source: endpoint(flow, side),
        destination: endpoint(flow, side.other()),
    }
}

fn endpoint(flow: &Flow, side: Side) -> SocketAddr {
    let octets = flow.key.address[side.index()].octets();
    let address = if flow.key.is_v6() {
        IpAddr::from(octets)
    } else {
        let [.., a, b, c, d] = octets;
        Ipv4Addr::new(a, b, c, d).into()
    };
    SocketAddr::new(address, flow.key.port[side.index()])
}

/// Who opened the record's flow.
#[must_use]
pub fn opener(record: &Record) -> SocketAddr {
    endpoint(&record.flow, record.flow.entry.opener())
}

/// Whom it was opened to.
#[must_use]
pub fn responder(record: &Record) -> SocketAddr {
    endpoint(&record.flow, record.flow.entry.opener().other())
}

/// All records as a wire would be counted: both directions of each flow, none without a packet.
#[must_use]
pub fn as_counted(records: &[Record]) -> HashMap<Direction, Sent> {
    let mut directions: HashMap<Direction, Sent> = HashMap::new();
    for record in records {
        let opener = record.flow.entry.opener();
        for (side, tally) in [opener, opener.other()].into_iter().zip(record.counts) {
            if tally.packets == 0 {
                continue;
            }
            let sent = directions.entry(direction(&record.flow, side)).or_default();
            sent.packets += tally.packets;
            sent.bytes += tally.bytes;
        }
    }
    directions
}

/// Holds records against the wire: every direction, to the packet and to the byte, and nothing
/// else in either.
///
/// # Panics
/// They differ; says where.
pub fn assert_exact(records: &[Record], truth: &Truth) {
    let metered = as_counted(records);
    for (direction, wire) in &truth.directions {
        let counted = metered.get(direction).copied().unwrap_or_default();
        assert_eq!(counted, *wire, "metered, on the wire: {direction:?}");
    }
    for direction in metered.keys() {
        let known = truth.directions.contains_key(direction);
        assert!(known, "metered, never on the wire: {direction:?}");
    }
}

/// Lines of all closed files below `folder`, as [`crate::meter::pipeline`] writes them.
///
/// # Errors
/// A file that can't be read or unpacked; none at all.
pub fn closed_lines(folder: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(folder.join("out"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "zst") {
            let bytes = zstd::decode_all(fs::File::open(&path)?)?;
            lines.extend(String::from_utf8(bytes)?.lines().map(str::to_owned));
        }
    }
    anyhow::ensure!(!lines.is_empty(), "no closed file in {}", folder.display());
    Ok(lines)
}

/// Sum over the statistics lines.
///
/// # Errors
/// A line that the schema does not know.
pub fn statistics(lines: &[String]) -> Result<Sum> {
    let mut sum = Sum::default();
    for line in lines {
        let read: Line = serde_json::from_str(line).context("a line outside the schema")?;
        if let Line::Statistics(statistics) = read {
            sum.add(statistics.all);
        }
    }
    Ok(sum)
}
