use std::fs;

use collector_common::packet::{protocol, tcp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    inspect::{self, Inspection, Label, Sensitive},
    locate::Surroundings,
    pipeline::fixtures::*,
};

const AGENT: &str = "curl/8.5.0 (\"x\")\u{1b}[31m\u{202e}\n";

fn record(version: u8, number: u8) -> Record {
    let packet = packet(version, number, 8080);
    let (flow, counts) = flow(1, &packet, [5, 6], [OPEN, OPEN]);
    let inspection = Inspection {
        label: Label {
            master: "HTTP",
            app: "OCSP",
        },
        category: "Web",
        method: inspect::Method::Dpi,
        confidence: inspect::Confidence::Certain,
        user_agent: Some(Sensitive::new(AGENT)),
        content_type: Some("text/x\u{7}".to_owned()),
        server_name: Some(Sensitive::new("name.canary.example")),
        ..Inspection::default()
    };
    Record {
        flow,
        counts,
        end: End::Finished,
        inspection,
        sample: Sample::Whole,
    }
}

fn line(record: &Record) -> Value {
    let places = Surroundings::default().places(&record.flow);
    let clock = WallClock {
        boot_to_utc_offset_ns: 1_795_000_000_000_001_999,
    };
    serde_json::to_value(Unprotected::of(record, &places, clock)).unwrap()
}

#[test]
fn a_line_has_the_exact_counts_ports_and_texts_that_may_be_shown() {
    let mut record = record(4, protocol::TCP);
    record.flow.entry.last += 1_999_999;
    let expected = json!({
        "proto": "tcp", "ip_version": 4, "src_port": CANARY_PORT, "dst_port": 8080,
        "packets": 11, "bytes": 1100, "src2dst_packets": 5, "dst2src_packets": 6,
        "src2dst_bytes": 500, "dst2src_bytes": 600, "app": "HTTP.OCSP", "category": "Web",
        "guessed": false, "method": "dpi", "confidence": "certain",
        "sample": "whole", "user_agent": "curl/8.5.0 (\"x\")[31m",
        "content_type": "text/x", "first": "2026-11-18T11:06:42.000001Z",
        "duration_ms": 3001, "end": "finished", "outcome": "answered", "failed": false,
        "leg": "exit", "leg_basis": "port", "opener_basis": "syn",
        "source_country": "??", "destination_country": "??",
    });
    assert_eq!(line(&record), expected);
}

#[test]
fn no_address_and_no_server_name_is_in_a_line() {
    for version in [4, 6] {
        let line = line(&record(version, protocol::TCP)).to_string();
        for leak in address_forms().iter().map(String::as_str).chain([CANARY]) {
            assert!(!line.contains(leak), "{leak} in {line}");
        }
    }
}

#[test]
fn a_transport_without_a_name_is_told_by_its_number_and_one_without_ports_has_zeros() {
    let told = |number| {
        let line = line(&record(6, number));
        (line["proto"].clone(), line["dst_port"].clone())
    };
    assert_eq!(told(protocol::UDP), (json!("udp"), json!(8080)));
    assert_eq!(told(protocol::ICMP), (json!("icmp"), json!(0)));
    assert_eq!(told(47).0, json!(47));
}

#[test]
fn the_opener_is_the_source_whichever_end_sorts_first() {
    let mut record = record(4, protocol::TCP);
    let (there, back) = (line(&record), {
        record.flow.entry.opener = record.flow.entry.opener().other() as u8;
        line(&record)
    });
    assert_eq!(there["src_port"], back["dst_port"]);
    assert_eq!(there["dst_port"], back["src_port"]);
}

#[test]
fn a_file_holds_failed_flows_too_and_tells_what_it_counts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.pcap.ndjson.zst");
    let mut file = UnprotectedFile::create(&path).unwrap();
    let long = record(4, protocol::TCP);
    let (flow, counts) = flow(2, &packet(6, protocol::TCP, 443), [3, 0], [tcp::SYN, 0]);
    let failed = Record {
        flow,
        counts,
        end: End::HalfOpen,
        inspection: Inspection::default(),
        sample: Sample::None,
    };
    let places = Surroundings::default().places(&long.flow);
    for record in [&long, &failed] {
        let flow = Unprotected::of(record, &places, WallClock::default());
        let tally = record.counts[0].plus(record.counts[1]);
        file.write(&flow.line(), tally).unwrap();
    }
    assert!(!path.exists());
    let written = file.finish().unwrap();
    assert_eq!(
        (written.flows, written.packets, written.bytes),
        (2, 14, 1400)
    );
    let text = zstd::decode_all(fs::File::open(&path).unwrap()).unwrap();
    let lines: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["failed"], json!(true));
    assert_eq!(lines[1]["user_agent"], Value::Null);
}

#[test]
fn nothing_of_the_live_meter_knows_the_unprotected_form() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut waiting: Vec<_> = ["live", "pipeline", "sink", "pipeline.rs", "commands/run.rs"]
        .map(|part| source.join(part))
        .into();
    let mut files = 0;
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        assert!(!text.contains("unprotected"), "{}", path.display());
    }
    assert!(files > 20, "{files} files");
}
