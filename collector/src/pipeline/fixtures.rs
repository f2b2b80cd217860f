//! Flows of every kind that the schema tells apart, with what must not leak in each; for tests.

use std::path::Path;

use collector_common::{
    books::Hook,
    flow::{FlowEntry, OpenerBasis},
    key::{Address, FlowKey},
    packet::{Packet, protocol, tcp},
    schema::{Header, Level, PayloadMode, SCHEMA_VERSION, TimeZone},
};

use super::*;
use crate::sink::{
    Limits,
    disk::LocalDisk,
    entry::{Entered, Lineage},
};

pub(crate) const SECOND: u64 = 1_000_000_000;
/// In every address, port, name and agent of these tests, so that a leak is seen.
pub(crate) const CANARY: &str = "canary";
pub(crate) const CANARY_V4: [u8; 4] = [93, 184, 216, 34];
pub(crate) const CANARY_V6: [u8; 16] = *b"canary-address-6";
pub(crate) const CANARY_PORT: u16 = 54_321;

pub(crate) fn config(folder: &Path) -> PipelineConfig {
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
                k: Level::Coarse.k(),
                dp: None,
                geo: None,
                relays: Vec::new(),
                exclusions: 2,
                payload: PayloadMode::Sample,
                meter: env!("CARGO_PKG_VERSION").into(),
            },
            lineage: Lineage(1),
            write_failed: false,
            ends: false,
            limits,
        },
        disk: Box::new(LocalDisk),
        surroundings: Surroundings::default(),
        samples: SampleLimits::default(),
        clock: WallClock {
            boot_to_utc_offset_ns: i64::try_from(offset.as_nanosecond()).unwrap(),
        },
        now: SECOND,
    }
}

pub(crate) fn packet(version: u8, protocol: u8, port: u16) -> Packet {
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
pub(crate) fn flow(
    id: u64,
    packet: &Packet,
    packets: [u64; 2],
    flags: [u8; 2],
) -> (Flow, [Tally; 2]) {
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

pub(crate) fn sample(id: u64, from_opener: bool, bytes: &[u8]) -> SampleHeader {
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

pub(crate) const REQUEST: &[u8] = b"GET /canary HTTP/1.1\r\nHost: canary.example\r\n\
    User-Agent: canary/1.0 (+http://canary.example)\r\n\r\n";
pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/canary\r\n\
    Content-Length: 0\r\n\r\n";

pub(crate) const OPEN: u8 = tcp::SYN | tcp::ACK | tcp::FIN;

/// A finished web flow as the spool takes it.
pub(crate) fn entered() -> Entered {
    let config = config(Path::new("unused"));
    let mut recorder = Recorder::new(config.samples, config.surroundings, config.now);
    let web = packet(4, protocol::TCP, 80);
    let (flow, counts) = flow(1, &web, [5, 6], [OPEN, OPEN]);
    let record = recorder.record(&flow, counts, End::Finished);
    let places = recorder.places(&record);
    recorder.publish(&record, &places, Level::Coarse, config.clock)
}

/// One flow of each kind that the schema tells apart.
pub(crate) fn feed<T: Tap>(pipeline: &mut Pipeline<T>) {
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

/// How the addresses of these flows might be written.
pub(crate) fn address_forms() -> Vec<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    vec![
        "93.184".to_owned(),
        "93,184".to_owned(),
        "8.8.8.8".to_owned(),
        hex(&CANARY_V4),
        hex(&CANARY_V6),
        u32::from_be_bytes(CANARY_V4).to_string(),
    ]
}
