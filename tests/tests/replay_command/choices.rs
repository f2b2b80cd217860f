//! What flags change.

use std::collections::BTreeSet;

use anyhow::Result;
use collector_common::packet::tcp;
use collector_tests::{
    frames::Path,
    link::IpVersion,
    timed::{capture, connection},
};
use serde_json::Value;

use crate::{
    made::{RELAY, small_mix},
    place::Place,
};

/// Packets and bytes of flows.
fn sums<'a>(flows: impl Iterator<Item = &'a Value>) -> (u64, u64) {
    let number = |flow: &Value, field: &str| flow[field].as_u64().unwrap_or_default();
    flows.fold((0, 0), |(packets, bytes), flow| {
        (
            packets + number(flow, "packets"),
            bytes + number(flow, "bytes"),
        )
    })
}

fn values<'a>(lines: &'a [Value], field: &str) -> BTreeSet<&'a str> {
    lines
        .iter()
        .filter_map(|line| line[field].as_str())
        .collect()
}

#[test]
fn excluded_flows_are_left_out_and_counted_under_their_reason() -> Result<()> {
    let (place, made) = (Place::new()?, small_mix()?);
    place.write("mix.pcap", &made.capture)?;
    let rules = format!("--exclude {} --exclude [2001:db8::/32]:443", RELAY[0]);
    let played = place.replay(&format!("mix.pcap --out out --privacy off {rules}"))?;
    played.assert_whole();
    let is_excluded = |flow: &Value| flow["ip_version"] == 4 || flow["dst_port"] == 443;
    let (excluded, metered): (Vec<_>, Vec<_>) =
        made.truth.iter().partition(|flow| is_excluded(flow));
    assert!(excluded.iter().any(|flow| flow["ip_version"] == 6));
    let reason = |what| played.number(&format!("/reasons/excluded/{what}"));
    let counted = (reason("packets"), reason("bytes"));
    assert_eq!(counted, sums(excluded.into_iter()));
    let lines = place.lines("out")?;
    assert!(!lines.iter().any(is_excluded));
    assert_eq!(sums(lines.iter()), sums(metered.into_iter()));
    assert!(!played.said.contains(RELAY[0]), "{}", played.said);
    Ok(())
}

#[test]
fn legs_are_known_where_the_host_is_told() -> Result<()> {
    let place = Place::new()?;
    place.write("mix.pcap", &small_mix()?.capture)?;
    let hosts = format!("--host {} --host {}", RELAY[0], RELAY[1]);
    place.replay("mix.pcap --out untold --privacy off")?;
    place.replay(&format!("mix.pcap --out told --privacy off {hosts}"))?;
    assert_eq!(values(&place.lines("untold")?, "leg"), ["unknown"].into());
    let lines = place.lines("told")?;
    let legs = ["dns", "exit", "inbound", "local"];
    assert_eq!(values(&lines, "leg"), legs.into());
    for line in &lines {
        // What others open in a mix are connections of relays.
        assert_eq!(line["leg"] == "inbound", line["dst_port"] == 9001, "{line}");
        assert_eq!(line["leg"] == "dns", line["dst_port"] == 53, "{line}");
        if line["proto"] == "udp" {
            assert_ne!(line["leg"], "exit", "tor carries TCP alone: {line}");
        }
    }
    Ok(())
}

#[test]
fn without_payload_labels_are_by_port_alone() -> Result<()> {
    let place = Place::new()?;
    place.write("mix.pcap", &small_mix()?.capture)?;
    let played = place.replay("mix.pcap --out out --privacy off --payload none")?;
    played.assert_whole();
    assert_eq!(played.number("/samples"), 0);
    let lines = place.lines("out")?;
    assert_eq!(values(&lines, "method"), ["none", "port"].into());
    assert!(lines.iter().all(|line| line["user_agent"].is_null()));
    for line in &lines {
        assert_eq!(line["method"] == "port", line["guessed"] == true, "{line}");
    }
    Ok(())
}

/// Packets of each record, in the order of the file.
fn cut(place: &Place, name: &str, flags: &str) -> Result<Vec<u64>> {
    let out = format!("{name}-{}", flags.trim_start_matches('-'));
    let line = format!("{name} --out {out} --privacy off {flags}");
    place.replay(&line)?.assert_whole();
    let lines = place.lines(&out)?;
    Ok(lines
        .iter()
        .filter_map(|line| line["packets"].as_u64())
        .collect())
}

#[test]
fn nfstream_timing_cuts_a_flow_whose_next_packet_comes_after_120_s() -> Result<()> {
    let place = Place::new()?;
    let path = Path::example(IpVersion::V4);
    let packet = |at| (at, path.udp(b"a word"));
    // Quiet for a little less, and for the time itself; the next tick of plain timing is later.
    let frames = [packet(0.5), packet(120.4), packet(240.4), packet(240.5)];
    place.write("quiet.pcap", &capture(&frames)?)?;
    assert_eq!(cut(&place, "quiet.pcap", "--nfstream-timing")?, [2, 2]);
    assert_eq!(cut(&place, "quiet.pcap", "")?, [4]);
    Ok(())
}

#[test]
fn nfstream_timing_keeps_a_connection_whole_over_fin_and_the_next_use_of_its_ports() -> Result<()> {
    let place = Place::new()?;
    let path = Path::example(IpVersion::V4);
    let mut frames = connection(path, 0.0, b"one", b"two");
    let first = frames.len() as u64;
    frames.extend(connection(path, 30.0, b"three", b"four"));
    frames.push((60.0, path.tcp(tcp::RST, 9, &[])));
    place.write("reuse.pcap", &capture(&frames)?)?;
    let all = frames.len() as u64;
    assert_eq!(cut(&place, "reuse.pcap", "--nfstream-timing")?, [all]);
    assert_eq!(cut(&place, "reuse.pcap", "")?, [first, first, 1]);
    Ok(())
}
