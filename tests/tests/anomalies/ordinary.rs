//! What an exit of 1,000 clients carries is no anomaly.

use std::{
    fs,
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use collector_common::schema::{AnomalyKind::PortScan, Direction, Leg};
use collector_tests::{
    binary::{Home, program},
    captures,
    privileges::root_or_skip,
    trace::{HEADER_LEN, Kind, Limit, Mix, Outputs, RECORD_HEADER_LEN, Resolution, Shares, Trace},
};

use crate::stage::{Stage, Told, anomalies};

/// The relay whose interface the generator captures.
const RELAY: ([u8; 4], Ipv6Addr) = (
    [203, 0, 113, 9],
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9),
);
/// Of an Ethernet frame.
const ETHERTYPE: usize = 12;

/// A capture in which 1,000 flows are under way at any time.
fn mix(flows: u64) -> Result<Vec<u8>> {
    let trace = Trace {
        kind: Kind::Mix(Mix {
            limit: Limit::Flows(flows),
            concurrency: 1000,
            shares: Shares::default(),
            ipv6: 10,
            mean_packets: 20.0,
        }),
        rate: 2000,
        resolution: Resolution::Micro,
        seed: 1,
    };
    let mut capture = Vec::new();
    trace.write(Outputs {
        capture: &mut capture,
        truth: None,
        progress: &mut |_| {},
    })?;
    Ok(capture)
}

#[test]
fn an_exit_of_a_thousand_clients_shows_none() -> Result<()> {
    let home = Home::new()?;
    let capture = home.join("mix.pcap");
    fs::write(&capture, mix(6_000)?)?;
    replay(
        &home,
        &capture,
        &["--host", "203.0.113.9", "--host", "2001:db8:ffff::9"],
    )?;
    assert_eq!(found(&home)?, []);
    Ok(())
}

/// Flags are those that tell the host.
fn replay(home: &Home, capture: &Path, flags: &[&str]) -> Result<()> {
    let mut replay = program();
    replay.args(["replay", "--node", "relay"]).args(flags);
    let output = replay.arg(capture).arg("--out").arg(home.out()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}

/// What closed files tell.
fn found(home: &Home) -> Result<Vec<Told>> {
    let mut found = Vec::new();
    for file in home.files() {
        found.extend(anomalies(&file)?);
    }
    Ok(found)
}

/// Frames of a capture, and whether the relay sent each.
fn frames(capture: &[u8]) -> Result<Vec<(bool, Vec<u8>)>> {
    let mut rest = capture
        .get(usize::try_from(HEADER_LEN)?..)
        .context("a header")?;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let (header, behind) = rest.split_at(usize::try_from(RECORD_HEADER_LEN)?);
        let length = u32::from_le_bytes(header[8..12].try_into()?);
        let (frame, behind) = behind.split_at(usize::try_from(length)?);
        let left = match frame[ETHERTYPE..ETHERTYPE + 2] {
            [0x08, 0x00] => frame[26..30] == RELAY.0,
            _ => frame[22..38] == RELAY.1.octets(),
        };
        frames.push((left, frame.to_vec()));
        rest = behind;
    }
    Ok(frames)
}

#[test]
fn the_same_on_a_wire_shows_none() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let frames = frames(&mix(1_000)?)?;
    let stage = Stage::new()?;
    let found = stage.metered(|stage| stage.play(&frames))?;
    assert_eq!(found, []);
    Ok(())
}

/// A scan by nmap, and peers of which many are gone, captured by others; a Tor network of our own.
#[test]
fn in_captures_of_others_a_scan_is_found_and_ordinary_traffic_is_none() -> Result<()> {
    let at = |folder: Option<PathBuf>, name: &str| folder.map(|folder| folder.join(name));
    let scan = [(PortScan, Direction::Unknown, Leg::Unknown)];
    for (capture, expected) in [
        (at(captures::corpus(), "pcaps/synscan.pcap"), &scan[..]),
        (at(captures::corpus(), "pcaps/gnutella.pcap"), &[]),
        (at(captures::tornet(), "exit.pcap"), &[]),
    ] {
        let Some(capture) = capture else { continue };
        let home = Home::new()?;
        replay(&home, &capture, &[])?;
        assert_eq!(found(&home)?, expected, "{}", capture.display());
    }
    Ok(())
}
