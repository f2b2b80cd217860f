use std::{collections::HashMap, time::Duration};

use collector_common::{
    key::FlowKey,
    packet::{self, Link},
};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use serde_json::Value;

use super::*;

/// A capture in memory with its truth.
struct Made {
    capture: Vec<u8>,
    truth: Vec<Value>,
    totals: Totals,
}

fn make(trace: &Trace) -> Made {
    let (mut capture, mut truth) = (Vec::new(), Vec::new());
    let outputs = Outputs {
        capture: &mut capture,
        truth: Some(&mut truth),
        progress: &mut |_| {},
    };
    let totals = trace.write(outputs).unwrap();
    let lines = String::from_utf8(truth).unwrap();
    Made {
        capture,
        truth: lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        totals,
    }
}

fn mix(limit: Limit) -> Trace {
    Trace {
        kind: Kind::Mix(Mix {
            limit,
            concurrency: 50,
            shares: Shares::default(),
            ipv6: 20,
            mean_packets: 60.0,
        }),
        rate: 1000,
        resolution: Resolution::Micro,
        seed: 7,
    }
}

fn flood(bare: bool) -> Trace {
    Trace {
        kind: Kind::SynFlood(Flood { flows: 3000, bare }),
        rate: 100_000,
        resolution: Resolution::Nano,
        seed: 7,
    }
}

/// Times and frames of a capture, which must have nothing else.
fn frames(capture: &[u8], nano: bool) -> Vec<(Duration, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    let mut at = usize::try_from(HEADER_LEN).unwrap();
    let mut all = Vec::new();
    while at < capture.len() {
        let unit = if nano { 1 } else { 1000 };
        let time = Duration::new(word(at).into(), word(at + 4) * unit);
        let length = word(at + 8) as usize;
        assert_eq!(word(at + 12) as usize, length);
        at += usize::try_from(RECORD_HEADER_LEN).unwrap();
        all.push((time, &capture[at..at + length]));
        at += length;
    }
    all
}

fn number(line: &Value, field: &str) -> u64 {
    line[field].as_u64().unwrap()
}

/// Ports, packets and bytes of each flow, ordered.
type Flows = Vec<(u16, u16, u64, u64)>;

fn told(made: &Made) -> Flows {
    let port = |line: &Value, field| u16::try_from(number(line, field)).unwrap();
    let mut all: Flows = made
        .truth
        .iter()
        .map(|line| {
            (
                port(line, "src_port"),
                port(line, "dst_port"),
                number(line, "packets"),
                number(line, "bytes"),
            )
        })
        .collect();
    all.sort_unstable();
    all
}

/// The same, counted from the frames by the meter's own parser and key.
fn counted(frames: &[(Duration, &[u8])]) -> Flows {
    let mut flows: HashMap<FlowKey, (u16, u16, u64, u64)> = HashMap::new();
    for (_, frame) in frames {
        let packet = packet::parse(*frame, Link::Ethernet).expect("a frame without faults");
        let (key, _) = FlowKey::of(&packet);
        let ports = (packet.source_port, packet.destination_port);
        let flow = flows.entry(key).or_insert((ports.0, ports.1, 0, 0));
        flow.2 += 1;
        flow.3 += frame.len() as u64;
    }
    let mut all: Flows = flows.into_values().collect();
    all.sort_unstable();
    all
}

/// Reads a frame strictly, and its checksums.
fn check(frame: &[u8]) {
    let packet = SlicedPacket::from_ethernet(frame).expect("a frame without faults");
    let padding = match packet.net.as_ref().unwrap() {
        NetSlice::Ipv4(ip) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum());
            frame.len() - 14 - usize::from(header.total_len)
        }
        NetSlice::Ipv6(ip) => frame.len() - 54 - usize::from(ip.header().payload_length()),
        NetSlice::Arp(_) => panic!("no ARP in a trace"),
    };
    assert!(
        padding == 0 || frame.len() == 60,
        "{padding} bytes too long"
    );
    let (told, right) = match (packet.net.unwrap(), packet.transport.unwrap()) {
        (NetSlice::Ipv4(ip), TransportSlice::Tcp(tcp)) => {
            let ip = ip.header();
            let sum = tcp.calc_checksum_ipv4(ip.source(), ip.destination());
            (tcp.checksum(), sum.unwrap())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Tcp(tcp)) => {
            let ip = ip.header();
            let sum = tcp.calc_checksum_ipv6(ip.source(), ip.destination());
            (tcp.checksum(), sum.unwrap())
        }
        (NetSlice::Ipv4(ip), TransportSlice::Udp(udp)) => {
            let header = ip.header().to_header();
            let sum = udp.to_header().calc_checksum_ipv4(&header, udp.payload());
            (udp.checksum(), sum.unwrap())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Udp(udp)) => {
            let header = ip.header().to_header();
            let sum = udp.to_header().calc_checksum_ipv6(&header, udp.payload());
            (udp.checksum(), sum.unwrap())
        }
        _ => panic!("neither TCP nor UDP"),
    };
    assert_eq!(told, right);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let trace = mix(Limit::Packets(5000));
    let (first, second) = (make(&trace), make(&trace));
    assert!(first.capture == second.capture);
    assert_eq!(first.truth, second.truth);
    let other = make(&Trace { seed: 8, ..trace });
    assert!(first.capture != other.capture);
}

#[test]
fn the_truth_adds_up_to_the_frames_flow_by_flow() {
    for limit in [
        Limit::Flows(400),
        Limit::Packets(9000),
        Limit::Bytes(3_000_000),
    ] {
        let made = make(&mix(limit));
        let frames = frames(&made.capture, false);
        assert!(told(&made) == counted(&frames), "{limit:?}");
        assert_eq!(made.totals.packets, frames.len() as u64);
        assert_eq!(made.totals.flows, made.truth.len() as u64);
        let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
        assert_eq!(made.totals.bytes, bytes as u64);
    }
}

#[test]
fn a_limit_of_flows_completes_them_and_other_limits_cut() {
    let whole = make(&mix(Limit::Flows(300)));
    assert_eq!(whole.truth.len(), 300);
    assert!(whole.truth.iter().all(|line| line["complete"] == true));
    let cut = make(&mix(Limit::Packets(9000)));
    assert!((9000..9002).contains(&cut.totals.packets));
    assert!(cut.truth.iter().any(|line| line["complete"] == false));
}

#[test]
fn every_frame_of_a_mix_is_right_to_the_checksum() {
    let made = make(&mix(Limit::Flows(400)));
    for (_, frame) in frames(&made.capture, false) {
        assert!(frame.len() <= 1514);
        check(frame);
    }
}

#[test]
fn a_mix_has_every_label_and_both_ip_versions() {
    let made = make(&mix(Limit::Flows(2000)));
    for label in [
        "TLS",
        "HTTP",
        "SSH",
        "SMTP",
        "DNS",
        "QUIC",
        "BitTorrent",
        "Unknown",
    ] {
        assert!(
            made.truth.iter().any(|line| line["label"] == label),
            "{label}"
        );
    }
    for version in [4, 6] {
        assert!(
            made.truth
                .iter()
                .any(|line| number(line, "ip_version") == version)
        );
    }
}

#[test]
fn packet_time_runs_evenly_at_the_rate() {
    let made = make(&mix(Limit::Packets(2500)));
    let frames = frames(&made.capture, false);
    for pair in frames.windows(2) {
        assert_eq!(pair[1].0 - pair[0].0, Duration::from_millis(1));
    }
}

#[test]
fn no_flow_waits_longer_than_announced() {
    let trace = mix(Limit::Flows(1000));
    let Kind::Mix(rules) = &trace.kind else {
        panic!("a mix");
    };
    let longest = Duration::from_secs_f64(rules.longest_wait(trace.rate));
    let made = make(&trace);
    let mut last: HashMap<FlowKey, Duration> = HashMap::new();
    for (time, frame) in frames(&made.capture, false) {
        let packet = packet::parse(frame, Link::Ethernet).unwrap();
        if let Some(before) = last.insert(FlowKey::of(&packet).0, time) {
            assert!(time - before <= longest);
        }
    }
}

#[test]
fn a_tcp_flow_is_numbered_without_gaps_and_acknowledges_what_came() {
    let Trace { kind, .. } = mix(Limit::Flows(1));
    let Kind::Mix(rules) = kind else {
        panic!("a mix");
    };
    let shares = "tls=1".parse().unwrap();
    let kind = Kind::Mix(Mix { shares, ..rules });
    let made = make(&Trace {
        kind,
        ..mix(Limit::Flows(1))
    });
    let mut next: HashMap<u16, u32> = HashMap::new();
    for (_, frame) in frames(&made.capture, false) {
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            panic!("TCP only");
        };
        let expected = next.get(&tcp.source_port()).copied();
        assert!(expected.is_none_or(|number| number == tcp.sequence_number()));
        let other = next.get(&tcp.destination_port()).copied();
        assert!(!tcp.ack() || other == Some(tcp.acknowledgment_number()));
        let length = u32::try_from(tcp.payload().len()).unwrap()
            + u32::from(tcp.syn())
            + u32::from(tcp.fin());
        next.insert(
            tcp.source_port(),
            tcp.sequence_number().wrapping_add(length),
        );
    }
    assert_eq!(next.len(), 2);
}

#[test]
fn a_flood_is_one_right_syn_from_each_source() {
    for (bare, length) in [(true, 60), (false, 74)] {
        let made = make(&flood(bare));
        let frames = frames(&made.capture, true);
        assert_eq!(frames.len(), 3000);
        for (_, frame) in &frames {
            assert_eq!(frame.len(), length);
            check(frame);
        }
        let flows = counted(&frames);
        assert_eq!(flows.len(), 3000);
        assert!(told(&made) == flows);
        assert_eq!(frames[1].0 - frames[0].0, Duration::from_micros(10));
    }
}
