use std::collections::HashSet;

use collector_common::{
    flow::OpenerBasis,
    packet::{protocol, tcp},
    schema::{AnomalyKind, Direction, JSON_SCHEMA, Leg, Level, Line, PortClass},
};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    kinds::{FLOOD, SCANNED},
    sighting::{Opening, Scope},
    windows::SIZE,
    *,
};
use crate::{
    locate::Surroundings,
    pipeline::{Pipeline, fixtures},
    record::Record,
};

const OUT: Scope = Scope {
    leg: Leg::Exit,
    direction: Direction::Out,
    is_tcp: true,
};
const IN: Scope = Scope {
    leg: Leg::Inbound,
    direction: Direction::In,
    is_tcp: true,
};

/// Hashes as an address might have them.
fn hashed(number: u64) -> u64 {
    number
        .wrapping_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(31)
}

/// An opening of `port` that failed and took one packet.
fn opening(scope: Scope, source: u64, destination: u64, port: u16) -> Sighting {
    Sighting {
        scope,
        source: hashed(source),
        destination: hashed(destination),
        port,
        opening: Opening::Failed,
        packets: 1,
        packets_per_minute: 1,
    }
}

fn answered(sighting: Sighting) -> Sighting {
    Sighting {
        opening: Opening::Answered,
        ..sighting
    }
}

fn uncompleted(sighting: Sighting) -> Sighting {
    Sighting {
        opening: Opening::Uncompleted,
        ..sighting
    }
}

fn udp(scope: Scope) -> Scope {
    Scope {
        is_tcp: false,
        ..scope
    }
}

/// What is found in one window of these.
fn found(seen: impl IntoIterator<Item = Sighting>) -> Vec<Anomaly> {
    let mut detector = Detector::default();
    detector.advance(0, WallClock::default());
    seen.into_iter().for_each(|one| detector.see(&one));
    detector.advance(WINDOW, WallClock::default())
}

fn kinds(seen: impl IntoIterator<Item = Sighting>) -> Vec<AnomalyKind> {
    found(seen)
        .iter()
        .map(|anomaly| anomaly.traits.kind)
        .collect()
}

#[test]
fn a_host_scan_is_many_destinations_of_one_source_at_one_port() {
    let scan = |hosts: u64| (0..hosts).map(|host| opening(OUT, 0, host, 22));
    let [anomaly] = found(scan(2 * SCANNED))[..] else {
        panic!("one anomaly");
    };
    assert_eq!(
        anomaly.traits,
        AnomalyTraits {
            leg: Leg::Exit,
            kind: AnomalyKind::HostScan,
            direction: Direction::Out,
            port_class: Some(PortClass::Registered),
        }
    );
    assert_eq!((anomaly.starts, anomaly.flows), (1, 2 * SCANNED));
    assert_eq!(kinds(scan(SCANNED / 2)), []);
    let other_ports = (0..2 * SCANNED).map(|host| opening(OUT, 0, host, 1000 + host as u16));
    assert_eq!(kinds(other_ports), []);
}

#[test]
fn a_source_that_is_mostly_answered_scans_nobody() {
    let mixed = |every: u64| {
        (0..1000).map(move |host| {
            let one = opening(OUT, 0, host, 443);
            if host % every == 0 {
                one
            } else {
                answered(one)
            }
        })
    };
    assert_eq!(kinds(mixed(1)), [AnomalyKind::HostScan]);
    assert_eq!(kinds(mixed(2)), []);
}

#[test]
fn a_port_scan_is_many_ports_of_one_destination() {
    let scan = |ports: u16| (1..=ports).map(|port| opening(IN, 7, 0, port));
    assert_eq!(kinds(scan(200)), [AnomalyKind::PortScan]);
    assert_eq!(kinds(scan(50)), []);
    let all: Vec<_> = (0..=u16::MAX)
        .map(|port| uncompleted(opening(IN, 7, 0, port)))
        .collect();
    let [anomaly] = found(all)[..] else {
        panic!("a scan of all ports is no flood");
    };
    assert_eq!(anomaly.traits.kind, AnomalyKind::PortScan);
    assert_eq!((anomaly.traits.port_class, anomaly.flows), (None, 65_536));
}

#[test]
fn a_syn_flood_hits_few_ports_or_comes_from_many_sources() {
    let one_port = (0..2 * FLOOD).map(|_| uncompleted(opening(IN, 1, 0, 443)));
    assert_eq!(kinds(one_port), [AnomalyKind::SynFlood]);
    let spoofed = (0..2 * FLOOD).map(|from| uncompleted(opening(IN, from, 0, from as u16)));
    assert_eq!(kinds(spoofed), [AnomalyKind::SynFlood]);
    let less = (0..FLOOD - 1).map(|from| uncompleted(opening(IN, from, 0, 443)));
    assert_eq!(kinds(less), []);
}

#[test]
fn a_udp_flood_is_many_unanswered_flows_or_packets_to_one_destination() {
    let flood = |flows: u64| (0..flows).map(|port| opening(udp(IN), 1, 0, port as u16));
    assert_eq!(kinds(flood(2 * FLOOD)), [AnomalyKind::UdpFlood]);
    assert_eq!(kinds(flood(FLOOD / 2)), [AnomalyKind::PortScan]);
    let heavy = |flows: u64| {
        (0..flows).map(|from| Sighting {
            packets: 50_000,
            packets_per_minute: 10_000,
            ..opening(udp(IN), from, 0, 9)
        })
    };
    assert_eq!(kinds(heavy(SCANNED)), [AnomalyKind::UdpFlood]);
    assert_eq!(kinds(heavy(SCANNED - 1)), []);
}

#[test]
fn many_connections_are_with_one_peer_and_answered() {
    let to =
        |peer: fn(u64) -> u64| (0..FLOOD).map(move |n| answered(opening(OUT, 0, peer(n), 443)));
    assert_eq!(kinds(to(|_| 5)), [AnomalyKind::ManyConnections]);
    assert_eq!(kinds(to(|n| n)), []);
    let from =
        |peer: fn(u64) -> u64| (0..FLOOD).map(move |n| answered(opening(IN, peer(n), 0, 443)));
    assert_eq!(kinds(from(|_| 5)), [AnomalyKind::ManyConnections]);
    assert_eq!(
        kinds(from(|n| n)),
        [],
        "all clients of the host's own service"
    );
    let datagrams = (0..FLOOD).map(|_| answered(opening(udp(OUT), 0, 0, 53)));
    assert_eq!(kinds(datagrams), [], "a resolver is asked by UDP");
}

#[test]
fn an_incident_begins_once_goes_on_and_ends_with_a_window_without_it() {
    let mut detector = Detector::default();
    let clock = WallClock::default();
    let mut starts = Vec::new();
    for window in 0..6 {
        starts.extend(
            detector
                .advance(window * WINDOW, clock)
                .first()
                .map(|one| one.starts),
        );
        let going_on = detector.ongoing(window * WINDOW);
        let expected: &[u64] = match window {
            1 => &[60],
            2 => &[120],
            4 => &[60],
            _ => &[],
        };
        let since: Vec<u64> = going_on.iter().map(|one| one.seconds).collect();
        assert_eq!(since, expected, "window {window}");
        if window != 2 && window < 4 {
            (0..200).for_each(|host| detector.see(&opening(OUT, 0, host, 22)));
        }
    }
    assert_eq!(starts, [1, 0, 1]);
}

#[test]
fn windows_in_which_nothing_came_end_what_went_on_and_the_clock_may_stand_or_go_back() {
    let mut detector = Detector::default();
    let clock = WallClock::default();
    detector.advance(9 * WINDOW, clock);
    (0..200).for_each(|host| detector.see(&opening(OUT, 0, host, 22)));
    assert!(detector.advance(8 * WINDOW, clock).is_empty());
    assert!(detector.advance(9 * WINDOW, clock).is_empty());
    assert_eq!(detector.advance(u64::MAX, clock).len(), 1);
    assert!(detector.ongoing(u64::MAX).is_empty());
    assert!(detector.finish(clock).is_empty());
}

#[test]
fn a_flood_of_distinct_keys_finds_nothing_and_what_is_heavy_is_found_in_it() {
    let scope = |number: u64| if number.is_multiple_of(2) { IN } else { OUT };
    let chance = (0..1_000_000_u64).map(|n| uncompleted(opening(scope(n), n, !n, n as u16)));
    assert_eq!(kinds(chance.clone()), []);
    // Its error is an eighth of a set's share: 1,000,000 / 4,096.
    let scan = (0..1_000_000_u64)
        .map(|n| opening(OUT, 1 << 40, n, 22))
        .step_by(1000);
    let mut both: Vec<Sighting> = chance.collect();
    let mut place = 0;
    for one in scan {
        both.insert(place, one);
        place += 1000;
    }
    assert_eq!(kinds(both), [AnomalyKind::HostScan]);
}

#[test]
fn memory_is_fixed_at_the_start() {
    assert_eq!(SIZE / 1024, 1696);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is below two thirds of a threshold by exact counting is not found.
    #[test]
    fn nothing_is_found_that_exact_counters_do_not_have(
        seed in any::<u64>(), sources in 1_u64..40, hosts in 1_u64..2000, ports in 1_u64..200,
    ) {
        let mut chance = fastrand_like(seed);
        let mut detector = Detector::default();
        detector.advance(0, WallClock::default());
        let mut sweeps: std::collections::HashMap<_, HashSet<u64>> = Default::default();
        let mut pairs: std::collections::HashMap<_, HashSet<u64>> = Default::default();
        for _ in 0..2000 {
            let (source, host, port) = (chance() % sources, chance() % hosts, chance() % ports);
            detector.see(&opening(OUT, source, host, port as u16));
            sweeps.entry((source, port)).or_default().insert(host);
            pairs.entry((source, host)).or_default().insert(port);
        }
        let most = |of: Vec<usize>| of.into_iter().max().unwrap_or_default() as u64;
        let sweep = most(sweeps.values().map(HashSet::len).collect());
        let pair = most(pairs.values().map(HashSet::len).collect());
        let found = detector.finish(WallClock::default());
        let has = |kind| found.iter().any(|one| one.traits.kind == kind);
        prop_assert!(3 * sweep >= 2 * SCANNED || !has(AnomalyKind::HostScan));
        prop_assert!(3 * pair >= 2 * SCANNED || !has(AnomalyKind::PortScan));
        // The tables have room for all of these, so nothing is missed either.
        prop_assert!(2 * sweep <= 3 * SCANNED || has(AnomalyKind::HostScan));
        prop_assert!(2 * pair <= 3 * SCANNED || has(AnomalyKind::PortScan));
    }
}

/// A row of numbers (Knuth's MMIX constants).
fn fastrand_like(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        seed >> 33
    }
}

fn sighting(protocol: u8, packets: [u64; 2], flags: [u8; 2]) -> Option<Sighting> {
    let (flow, counts) = fixtures::flow(1, &fixtures::packet(4, protocol, 22), packets, flags);
    of(Record {
        flow,
        counts,
        end: collector_common::expiry::End::Idle,
        inspection: crate::inspect::Inspection::default(),
        sample: collector_common::schema::Sample::Whole,
    })
}

fn of(record: Record) -> Option<Sighting> {
    let places = Surroundings::default().places(&record.flow);
    Sighting::of(&record, &places)
}

#[test]
fn an_opening_is_what_the_flow_showed() {
    let tcp_flow = |packets, flags| sighting(protocol::TCP, packets, flags).unwrap().opening;
    let ack = tcp::SYN | tcp::ACK;
    assert_eq!(tcp_flow([1, 0], [tcp::SYN, 0]), Opening::Uncompleted);
    assert_eq!(tcp_flow([1, 3], [tcp::SYN, ack]), Opening::Uncompleted);
    assert_eq!(
        tcp_flow([1, 1], [tcp::SYN, tcp::RST | tcp::ACK]),
        Opening::Uncompleted
    );
    assert_eq!(tcp_flow([3, 1], [ack | tcp::RST, ack]), Opening::Failed);
    assert_eq!(
        tcp_flow([3, 2], [ack | tcp::FIN, ack | tcp::FIN]),
        Opening::Answered
    );
    let datagrams = |packets| sighting(protocol::UDP, packets, [0, 0]).unwrap().opening;
    assert_eq!(datagrams([1, 0]), Opening::Failed);
    assert_eq!(datagrams([1, 1]), Opening::Answered);
}

#[test]
fn what_opens_nothing_is_not_seen() {
    assert!(sighting(protocol::ICMP, [9, 0], [0, 0]).is_none());
    let (mut flow, counts) = fixtures::flow(
        1,
        &fixtures::packet(4, protocol::TCP, 22),
        [9, 9],
        [tcp::ACK; 2],
    );
    let record = |flow, end| Record {
        flow,
        counts,
        end,
        inspection: crate::inspect::Inspection::default(),
        sample: collector_common::schema::Sample::Whole,
    };
    use collector_common::expiry::End;
    assert!(of(record(flow, End::Idle)).is_some());
    flow.entry.part = 1;
    assert!(of(record(flow, End::Idle)).is_none(), "a later part");
    flow.entry.part = 0;
    flow.entry.last = flow.entry.since + 2 * WINDOW;
    assert!(of(record(flow, End::Idle)).is_some());
    assert!(of(record(flow, End::Shutdown)).is_none(), "cut by the stop");
    flow.entry.basis = OpenerBasis::Hook as u8;
    assert!(of(record(flow, End::Idle)).is_none(), "in mid-stream");
}

#[test]
fn a_sighting_shows_nothing_of_itself() {
    let text = format!("{:?}", opening(OUT, 1, 2, 54_321));
    assert_eq!(text, "Sighting { .. }");
}

/// Lines of files, by level, after a scan of ports that a live meter saw.
fn lines(level: Level) -> Vec<Line> {
    let folder = TempDir::new().unwrap();
    let mut config = fixtures::config(folder.path());
    config.sink.header.level = level;
    config.sink.header.k = level.k();
    let mut pipeline = Pipeline::new(config, ()).unwrap();
    pipeline.advance(fixtures::SECOND);
    for port in 1001..=1500 {
        let packet = fixtures::packet(4, protocol::TCP, port);
        let (flow, counts) = fixtures::flow(port.into(), &packet, [1, 0], [tcp::SYN, 0]);
        pipeline.flow_ended(&flow, counts, collector_common::expiry::End::HalfOpen);
    }
    pipeline.advance(WINDOW);
    assert_eq!(pipeline.anomalies(WINDOW).len(), 1);
    pipeline.close(WINDOW).unwrap();
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let file = std::fs::File::open(entry.unwrap().path()).unwrap();
        let text = String::from_utf8(zstd::decode_all(file).unwrap()).unwrap();
        lines.extend(
            text.lines()
                .filter_map(|line| serde_json::from_str(line).ok()),
        );
    }
    lines
}

#[test]
fn a_file_tells_anomalies_where_hours_have_statistics() {
    let schema = serde_json::from_str(JSON_SCHEMA).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for level in [Level::Aggregate, Level::Coarse, Level::Thesis] {
        let lines = lines(level);
        let is_anomaly = |line: &&Line| matches!(line, Line::Anomaly(_));
        let anomalies: Vec<_> = lines.iter().filter(is_anomaly).collect();
        assert_eq!(anomalies.len(), usize::from(level.has_flows()), "{level:?}");
        let text = anomalies
            .iter()
            .map(|line| serde_json::to_string(line).unwrap());
        for line in text {
            assert_eq!(
                line,
                r#"{"type":"anomaly","hour":"2026-11-22T15:00:00Z","leg":"exit","kind":"port_scan","direction":"out","port_class":"registered","starts":1,"flows":500,"packets":500}"#
            );
            assert!(schema.is_valid(&serde_json::from_str(&line).unwrap()));
        }
    }
}
