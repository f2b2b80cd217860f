use std::{fs, path::Path};

use collector_common::{
    books::Hook,
    flow::{FlowEntry, OpenerBasis},
    key::{Address, FlowKey},
    packet::{Packet, protocol, tcp},
    schema::{Header, Level, Lineage, PayloadMode, SCHEMA_VERSION, TimeZone},
};
use tempfile::TempDir;

use super::*;
use crate::sink::{Limits, disk::LocalDisk};

const SECOND: u64 = 1_000_000_000;
/// In every address, port, name and agent of these tests, so that a leak is seen.
const CANARY: &str = "canary";
const CANARY_V4: [u8; 4] = [93, 184, 216, 34];
const CANARY_V6: [u8; 16] = *b"canary-address-6";
const CANARY_PORT: u16 = 54_321;

/// Keeps what passes, exact.
#[derive(Default)]
struct Keep(Vec<Record>);

impl Tap for Keep {
    fn record(&mut self, record: &Record) {
        self.0.push(record.clone());
    }
}

fn config(folder: &Path) -> PipelineConfig {
    let mut limits = Limits::default();
    limits.retention.min_free_percent = 0;
    let offset: Timestamp = "2026-11-22T15:30:00Z".parse().unwrap();
    PipelineConfig {
        sink: SinkConfig {
            folder: folder.to_owned(),
            node: "relay".parse().unwrap(),
            header: Header {
                schema: SCHEMA_VERSION,
                node: "relay".into(),
                time_zone: TimeZone::Utc,
                level: Level::Coarse,
                geo: None,
                exclusions: 2,
                payload: PayloadMode::Sample,
                meter: env!("CARGO_PKG_VERSION").into(),
            },
            lineage: Lineage(1),
            write_failed: false,
            limits,
        },
        disk: Box::new(LocalDisk),
        countries: Countries::none(),
        samples: SampleLimits::default(),
        clock: WallClock {
            boot_to_utc_offset_ns: i64::try_from(offset.as_nanosecond()).unwrap(),
        },
        now: SECOND,
    }
}

fn pipeline(folder: &Path) -> Pipeline<Keep> {
    Pipeline::new(config(folder), Keep::default()).unwrap()
}

fn packet(version: u8, protocol: u8, port: u16) -> Packet {
    let (source, destination) = if version == 6 {
        (Address::v6(CANARY_V6), Address::v6([0x20; 16]))
    } else {
        (Address::v4(CANARY_V4), Address::v4([8, 8, 8, 8]))
    };
    let ported = protocol != protocol::ICMP;
    Packet {
        source,
        destination,
        source_port: if ported { CANARY_PORT } else { 0 },
        destination_port: if ported { port } else { 0 },
        protocol,
        version,
        ..Packet::default()
    }
}

/// A flow that the host opened, with `packets` of 100 bytes from opener and responder.
fn flow(id: u64, packet: &Packet, packets: [u64; 2], flags: [u8; 2]) -> (Flow, [Tally; 2]) {
    let (key, side) = FlowKey::of(packet);
    let basis = if packet.protocol == protocol::TCP {
        OpenerBasis::Syn
    } else {
        OpenerBasis::Hook
    };
    let mut entry = FlowEntry {
        id,
        opener: side as u8,
        basis: basis as u8,
        hook: Hook::Egress as u8,
        first: 2 * SECOND,
        since: 2 * SECOND,
        last: 5 * SECOND,
        ..FlowEntry::default()
    };
    let counts = packets.map(|packets| Tally {
        packets,
        bytes: packets * 100,
    });
    for (index, side) in [side, side.other()].into_iter().enumerate() {
        entry.directions[side.index()].tally = counts[index];
        entry.directions[side.index()].flags = flags[index].into();
    }
    (Flow { key, entry }, counts)
}

fn sample(id: u64, from_opener: bool, bytes: &[u8]) -> SampleHeader {
    let ports = if from_opener {
        (CANARY_PORT, 80)
    } else {
        (80, CANARY_PORT)
    };
    SampleHeader {
        id,
        taken: bytes.len() as u32,
        payload_len: bytes.len() as u32,
        source_port: ports.0,
        destination_port: ports.1,
        protocol: protocol::TCP.into(),
        from_opener: from_opener.into(),
        ..SampleHeader::default()
    }
}

const REQUEST: &[u8] = b"GET /canary HTTP/1.1\r\nHost: canary.example\r\n\
    User-Agent: canary/1.0 (+http://canary.example)\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/canary\r\n\
    Content-Length: 0\r\n\r\n";

const OPEN: u8 = tcp::SYN | tcp::ACK | tcp::FIN;

/// One flow of each kind that the schema tells apart.
fn feed<T: Tap>(pipeline: &mut Pipeline<T>) {
    pipeline.sample(&sample(1, true, REQUEST), REQUEST);
    pipeline.sample(&sample(1, false, RESPONSE), RESPONSE);
    let web = packet(4, protocol::TCP, 80);
    let (http, counts) = flow(1, &web, [5, 6], [OPEN, OPEN]);
    pipeline.flow_ended(&http, counts, End::Finished);
    let (refused, counts) = flow(2, &web, [1, 1], [tcp::SYN, tcp::RST | tcp::ACK]);
    pipeline.flow_ended(&refused, counts, End::Reset);
    let (silent, counts) = flow(3, &packet(6, protocol::TCP, 4444), [3, 0], [tcp::SYN, 0]);
    pipeline.flow_ended(&silent, counts, End::HalfOpen);
    for (id, number) in (4..).zip([protocol::UDP, protocol::SCTP, protocol::ICMP, 47]) {
        let (flow, counts) = flow(id, &packet(6, number, 53), [9, 9], [0, 0]);
        pipeline.flow_ended(&flow, counts, End::Idle);
    }
    for (id, end) in (8..).zip([End::Active, End::Shutdown, End::Overflow]) {
        let (flow, counts) = flow(id, &packet(4, protocol::TCP, 60_000), [50, 9], [OPEN, OPEN]);
        pipeline.flow_ended(&flow, counts, end);
    }
}

/// Text of every file in the folder, by whether it is a spool.
fn text(folder: &Path, suffix: &str) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().ends_with(suffix) {
            let bytes = zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
            text.push_str(str::from_utf8(&bytes).unwrap());
        }
    }
    text
}

/// A spool's text after a rotation and a crash, and the closed file's.
fn outputs() -> (String, String) {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.sink.limits.spool_age = std::time::Duration::from_secs(1);
    let mut pipeline = Pipeline::new(config, ()).unwrap();
    feed(&mut pipeline);
    pipeline.commit(Outside::default()).unwrap();
    let spool = text(folder.path(), ".open");
    pipeline.rotate(10 * SECOND).unwrap();
    let next = text(folder.path(), ".open");
    assert!(next.contains("carried"));
    pipeline.close(11 * SECOND).unwrap();
    (spool + &next, text(folder.path(), ".zst"))
}

#[test]
fn every_line_of_spools_and_files_fits_the_json_schema() {
    let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (spool, closed) = outputs();
    for line in spool.lines().chain(closed.lines()) {
        let value = serde_json::from_str(line).unwrap();
        if let Err(error) = validator.validate(&value) {
            panic!("{line}\n{error} at {}", error.instance_path());
        }
    }
    for kind in ["header", "flow", "failed", "statistics", "totals"] {
        let tag = format!(r#"{{"type":"{kind}""#);
        assert!(spool.contains(&tag), "{kind}");
        assert_eq!(closed.contains(&tag), kind != "totals", "{kind}");
    }
}

#[test]
fn the_json_schema_refuses_what_it_does_not_name() {
    let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (_, closed) = outputs();
    let flow = closed
        .lines()
        .find(|line| line.contains(r#""flow""#))
        .unwrap();
    let good: serde_json::Value = serde_json::from_str(flow).unwrap();
    assert!(validator.is_valid(&good));
    for (field, value) in [
        ("address", serde_json::json!("192.0.2.1")),
        ("destination_port", serde_json::json!(54_321)),
        ("label", serde_json::json!("www.example.com")),
        ("packets", serde_json::json!(3)),
        ("hour", serde_json::json!("2026-11-22T15:30:00Z")),
        ("user_agent", serde_json::json!("curl/8.5.0")),
        ("content_type", serde_json::json!("secret")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!validator.is_valid(&bad), "{field}");
    }
}

#[test]
fn no_address_port_or_name_reaches_a_file() {
    let (spool, closed) = outputs();
    let all = (spool + &closed).to_lowercase();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    for leak in [
        CANARY,
        "93.184",
        "93,184",
        "8.8.8.8",
        "54321",
        "4444",
        "60000",
        &hex(&CANARY_V4),
        &hex(&CANARY_V6),
        &u32::from_be_bytes(CANARY_V4).to_string(),
    ] {
        assert!(!all.contains(leak), "{leak}");
    }
    assert!(!format!("{:?}", Address::v6(CANARY_V6)).contains(CANARY));
}

#[test]
fn the_tap_sees_exact_counts_and_the_files_their_sums() {
    let folder = TempDir::new().unwrap();
    let mut pipeline = pipeline(folder.path());
    feed(&mut pipeline);
    let packets: u64 = pipeline
        .tap()
        .0
        .iter()
        .map(|record| record.counts[0].plus(record.counts[1]).packets)
        .sum();
    let written = pipeline.written().written;
    assert_eq!((written.flows, written.packets), (10, packets));
    assert_eq!(written.bytes, packets * 100);
    assert_eq!(pipeline.tap().0[1].counts[1].packets, 1);
    pipeline.commit(Outside::default()).unwrap();
    pipeline.close(9 * SECOND).unwrap();
    let closed = text(folder.path(), ".zst");
    assert_eq!(closed.matches(r#""type":"flow""#).count(), 8);
    assert_eq!(closed.matches(r#""type":"failed""#).count(), 2);
    assert!(closed.contains(r#""outcome":"refused","destination_port":80,"sum":{"flows":1,"#));
    assert!(closed.contains(r#""outcome":"no_answer","destination_port":"registered""#));
    assert!(closed.contains(r#""hour":"2026-11-22T15:00:00Z","leg":"dns""#));
    assert!(closed.contains(r#""duration_ms":2048"#));
}

#[test]
fn payload_names_a_flow_and_its_parts_and_only_families_are_told() {
    let folder = TempDir::new().unwrap();
    let mut pipeline = pipeline(folder.path());
    pipeline.sample(&sample(1, true, REQUEST), REQUEST);
    pipeline.sample(&sample(1, false, RESPONSE), RESPONSE);
    let (mut web, counts) = flow(1, &packet(4, protocol::TCP, 8765), [9, 9], [OPEN, OPEN]);
    pipeline.flow_ended(&web, counts, End::Active);
    web.entry.part = 1;
    pipeline.flow_ended(&web, counts, End::Finished);
    pipeline.close(9 * SECOND).unwrap();
    let closed = text(folder.path(), ".zst");
    for told in [
        r#""label":"HTTP","category":"Web","method":"dpi","guessed":false"#,
        r#""user_agent":"other","content_type":"other""#,
    ] {
        assert_eq!(closed.matches(told).count(), 2, "{closed}");
    }
}

#[test]
fn the_short_rest_of_a_cut_flow_has_not_failed() {
    let folder = TempDir::new().unwrap();
    let mut pipeline = pipeline(folder.path());
    let (mut flow, _) = flow(1, &packet(4, protocol::TCP, 443), [50, 50], [OPEN, OPEN]);
    flow.entry.part = 1;
    let rest = Tally {
        packets: 1,
        bytes: 60,
    };
    pipeline.flow_ended(&flow, [rest, rest], End::Finished);
    pipeline.close(9 * SECOND).unwrap();
    let closed = text(folder.path(), ".zst");
    assert!(closed.contains(r#""packets":2,"bytes":64,"#));
    assert!(closed.contains(r#""failed":false"#));
}

#[test]
fn a_record_is_known_after_a_crash_by_flow_and_part() {
    let folder = TempDir::new().unwrap();
    let mut before = pipeline(folder.path());
    feed(&mut before);
    before.commit(Outside::default()).unwrap();
    drop(before);
    let after = pipeline(folder.path());
    for flow in 1..=10 {
        assert!(after.already_written(&RecordId { flow, part: 0 }));
        assert!(!after.already_written(&RecordId { flow, part: 1 }));
    }
    assert_eq!(after.written().written.flows, 10);
}

#[test]
fn undecided_flows_are_bounded_and_their_samples_counted() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.samples.undecided = 2;
    config.samples.forget_after = 100 * SECOND;
    let mut pipeline = Pipeline::new(config, ()).unwrap();
    for id in 0..5 {
        pipeline.sample(&sample(id, true, b"G"), b"G");
    }
    assert_eq!(pipeline.samples_shed(), 3);
    pipeline.rotate(60 * SECOND).unwrap();
    pipeline.sample(&sample(9, true, b"G"), b"G");
    assert_eq!(pipeline.samples_shed(), 4);
    pipeline.rotate(160 * SECOND).unwrap();
    pipeline.sample(&sample(9, true, b"G"), b"G");
    assert_eq!(
        pipeline.samples_shed(),
        4,
        "flows that nobody ended are gone"
    );
}

#[test]
fn a_flow_that_began_before_the_first_tick_keeps_its_label_on_a_host_that_is_long_up() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.now = 36_000 * SECOND;
    let mut pipeline = Pipeline::new(config, Keep::default()).unwrap();
    pipeline.sample(&sample(1, true, REQUEST), REQUEST);
    pipeline.rotate(36_001 * SECOND).unwrap();
    let web = packet(4, protocol::TCP, 80);
    let (http, counts) = flow(1, &web, [5, 6], [OPEN, OPEN]);
    pipeline.flow_ended(&http, counts, End::Finished);
    let [record] = pipeline.tap().0.as_slice() else {
        panic!("one record");
    };
    assert!(!record.inspection.guessed, "{:?}", record.inspection.label);
}

#[test]
fn the_clock_turns_boot_time_into_utc_and_survives_nonsense() {
    let clock = WallClock {
        boot_to_utc_offset_ns: 1_000_000_000_000_000_000,
    };
    assert_eq!(clock.utc(SECOND).as_second(), 1_000_000_001);
    let far = WallClock {
        boot_to_utc_offset_ns: i64::MAX,
    };
    assert_eq!(far.utc(u64::MAX).as_second(), 27_670_116_110);
}
