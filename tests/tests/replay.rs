//! Replay by itself: the same records for any number of workers, every packet accounted for, and
//! labels that last.

use std::iter;

use anyhow::Result;
use collector::{
    capture::replay::{ReplayConfig, Timing},
    inspect::Method,
    record::Record,
};
use collector_common::{packet::tcp, settings::SECOND};
use collector_tests::{
    captures::{self, Held},
    compared::Facts,
    frames::Path,
    link::IpVersion,
    replayed::replay,
    scripted::{Rule, held, scripted},
};

/// Ids and facts, in the order in which records came.
fn ordered(records: &[Record]) -> Vec<(u64, Facts)> {
    let with_id = |record: &Record| (record.flow.entry.id, Facts::from(record));
    records.iter().map(with_id).collect()
}

#[test]
fn any_number_of_workers_gives_the_same_records_in_the_same_order() -> Result<()> {
    let capture = scripted(Rule {
        flows: 5_000,
        span: 300 * SECOND,
        reuse: true,
    });
    let with = |workers| {
        let config = ReplayConfig {
            workers,
            ..ReplayConfig::default()
        };
        replay(config, capture.frames.iter().map(Held::frame))
    };
    let (alone, records) = with(1)?;
    assert_eq!(records.len(), 5_500, "500 ports are used twice");
    assert!(alone.books.late.packets >= 500, "{:?}", alone.books);
    for workers in [2, 3, 7] {
        let (counted, others) = with(workers)?;
        assert!(ordered(&others) == ordered(&records), "{workers} workers");
        assert_eq!(counted.books, alone.books, "{workers} workers");
        assert_eq!(counted.difference(), 0);
    }
    Ok(())
}

#[test]
fn every_packet_of_every_capture_is_in_a_record_or_under_a_reason() -> Result<()> {
    for timing in [Timing::Ticks, Timing::NfStream] {
        let mut packets = 0;
        for capture in iter::once(captures::mix()?).chain(captures::all()?) {
            let config = ReplayConfig {
                timing,
                workers: 3,
                ..ReplayConfig::default()
            };
            let frames = capture.frames.iter().map(Held::frame);
            let (counted, records) = replay(config, frames)?;
            let seen = counted.books.seen_total().packets;
            assert_eq!(seen, capture.frames.len() as u64, "{}", capture.name);
            assert_eq!(counted.difference(), 0, "{}: {counted:?}", capture.name);
            let told: u64 = records
                .iter()
                .flat_map(|record| record.counts)
                .map(|tally| tally.packets)
                .sum();
            assert_eq!(counted.written.packets, told, "{}", capture.name);
            packets += seen;
        }
        println!("{timing:?}: {packets} packets");
    }
    Ok(())
}

#[test]
fn a_flow_that_opens_after_hours_of_silence_keeps_its_label() -> Result<()> {
    let hours = 5 * 3_600 * SECOND;
    let (out, port) = (Path::example(IpVersion::V4), 80);
    let mut frames = Vec::new();
    for start in [SECOND, hours] {
        let out = out.with_ports(40_000, port);
        let back = out.reversed();
        let request = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n";
        frames.extend([
            held(start, out.tcp(tcp::SYN, 1, &[])),
            held(start + 1, back.tcp(tcp::SYN | tcp::ACK, 1, &[])),
            held(start + 2, out.tcp(tcp::ACK, 2, request)),
            held(start + 60 * SECOND, out.tcp(tcp::ACK, 40, &[])),
        ]);
    }
    let (_, records) = replay(ReplayConfig::default(), frames.iter().map(Held::frame))?;
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.inspection.label.master, "HTTP");
        assert_eq!(record.inspection.method, Method::Dpi);
    }
    Ok(())
}
