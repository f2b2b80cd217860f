use std::{fs, path::Path};

use collector_common::{
    key::Address,
    packet::protocol,
    schema::{Level, Sample},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{fixtures::*, *};
use crate::{
    inspect::{media, useragent, vocabulary},
    locate::asn::fixtures::telegram,
};

/// Keeps what passes, exact.
#[derive(Default)]
struct Keep(Vec<Record>);

impl Tap for Keep {
    fn record(&mut self, record: &Record) {
        self.0.push(record.clone());
    }
}

fn pipeline(folder: &Path) -> Pipeline<Keep> {
    Pipeline::new(config(folder), Keep::default()).unwrap()
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

/// Text of all closed files of the fixtures' flows at `level`, the day's included.
fn closed(level: Level) -> String {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.sink.header.level = level;
    config.sink.header.k = level.k();
    config.sink.ends = true;
    let mut pipeline = Pipeline::new(config, ()).unwrap();
    feed(&mut pipeline);
    pipeline.close(9 * SECOND).unwrap();
    text(folder.path(), ".zst")
}

fn json_schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_line_of_closed_files_fits_the_json_schema_at_every_level() {
    let validator = json_schema();
    for level in [Level::Aggregate, Level::Coarse, Level::Thesis] {
        let closed = closed(level);
        for line in closed.lines() {
            let value = serde_json::from_str(line).unwrap();
            if let Err(error) = validator.validate(&value) {
                panic!("{line}\n{error} at {}", error.instance_path());
            }
        }
        for (kind, in_days) in [
            ("header", true),
            ("day", true),
            ("distinct", true),
            ("flow", false),
            ("failed", false),
            ("statistics", false),
            ("counters", false),
        ] {
            let tag = format!(r#"{{"type":"{kind}""#);
            let expected = in_days || level.has_flows();
            assert_eq!(closed.contains(&tag), expected, "{kind} at {level:?}");
        }
    }
}

/// The first line of `kind`.
fn line(text: &str, kind: &str) -> Value {
    let tag = format!(r#"{{"type":"{kind}""#);
    let line = text.lines().find(|line| line.starts_with(&tag));
    serde_json::from_str(line.unwrap()).unwrap()
}

#[test]
fn the_json_schema_refuses_what_it_does_not_name() {
    let validator = json_schema();
    let good = line(&closed(Level::Coarse), "flow");
    assert!(validator.is_valid(&good));
    for (field, value) in [
        ("address", json!("192.0.2.1")),
        ("destination_port", json!(54_321)),
        ("label", json!("www.example.com")),
        ("packets", json!(3)),
        ("start", json!("2026-11-22T15:30:00Z")),
        ("start", json!("2026-11-22T15:00:01Z")),
        ("user_agent", json!("curl/8.5 (+http://canary.example)")),
        ("content_type", json!("secret")),
        ("source_country", json!("de")),
        ("source_country", json!("XX")),
        ("source_proxy", json!("tor")),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(!validator.is_valid(&bad), "{field}");
    }
}

#[test]
fn the_json_schema_knows_what_country_data_may_say() {
    let validator = json_schema();
    let mut flow = line(&closed(Level::Coarse), "flow");
    for (country, proxy) in [
        (json!("DE"), json!("none")),
        (json!("europe"), json!("anonymous")),
        (json!("host"), json!("satellite")),
        (json!("other"), json!("anycast")),
        (json!("??"), json!(null)),
    ] {
        flow["source_country"] = country.clone();
        flow["destination_country"] = country;
        flow["source_proxy"] = proxy.clone();
        flow["destination_proxy"] = proxy;
        assert!(validator.is_valid(&flow), "{flow}");
    }
}

#[test]
fn the_json_schema_knows_every_word_that_has_a_list() {
    let validator = json_schema();
    let flow = line(&closed(Level::Coarse), "flow");
    let fits = |field: &str, word: &str| {
        let mut flow = flow.clone();
        flow[field] = json!(word);
        assert!(validator.is_valid(&flow), "{field} {word}");
    };
    useragent::families().for_each(|family| fits("user_agent", family));
    media::all().for_each(|media| fits("content_type", media));
    vocabulary::categories().for_each(|category| fits("category", category));
}

#[test]
fn the_json_schema_tells_the_keys_of_a_day_s_dimensions_apart() {
    let validator = json_schema();
    let good = line(&closed(Level::Coarse), "day");
    let fits = |by: &str, key: &str, country: Value| {
        let mut cell = good.clone();
        cell["by"] = json!(by);
        cell["key"] = json!(key);
        if !country.is_null() {
            cell["country"] = country;
        }
        validator.is_valid(&cell)
    };
    for (by, key) in [
        ("all", "all"),
        ("label", "TLS.Google"),
        ("port", "none"),
        ("source_proxy", "none_known"),
        ("source_country", "europe"),
        ("user_agent", "not_http"),
        ("hour", "23"),
        ("bytes", "1024"),
        ("hour", "other"),
    ] {
        assert!(fits(by, key, Value::Null), "{by} {key}");
        assert!(!fits(by, key, json!("DE")), "{by} with a country");
        assert!(!fits(by, "192.0.2.1", Value::Null), "{by}");
    }
    assert!(!fits("hour", "24", Value::Null));
    assert!(!fits("bytes", "1000", Value::Null));
    assert!(fits("port_country", "443", json!("DE")));
    assert!(!fits("port_country", "443", Value::Null));
}

#[test]
fn no_address_port_or_name_reaches_a_file() {
    let (spool, closed) = outputs();
    let all = (spool + &closed).to_lowercase();
    let ports = ["54321", "4444", "60000"];
    let forms = address_forms();
    for leak in forms
        .iter()
        .map(String::as_str)
        .chain(ports)
        .chain([CANARY])
    {
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
    // Too few to be told apart.
    assert!(
        closed.contains(
            r#""leg":"other","transport":null,"outcome":null,"port_class":null,"flows":2"#
        )
    );
    assert!(closed.contains(r#""hour":"2026-11-22T15:00:00Z","leg":"other","all":{"flows":10,"#));
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
fn an_address_names_a_flow_of_which_neither_payload_nor_port_said_anything() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.surroundings.systems = telegram().into();
    let mut pipeline = Pipeline::new(config, Keep::default()).unwrap();
    pipeline.sample(&sample(1, true, REQUEST), REQUEST);
    for (id, port) in [(1, 8765), (2, 8765), (3, 443)] {
        let (flow, counts) = flow(id, &packet(4, protocol::TCP, port), [9, 9], [OPEN, OPEN]);
        pipeline.flow_ended(&flow, counts, End::Finished);
    }
    let told = pipeline.tap().0.iter().map(|record| {
        (
            record.inspection.label.to_string(),
            record.inspection.guessed,
        )
    });
    let expected = [("HTTP", false), ("Telegram", true), ("TLS", true)];
    assert!(told.eq(expected.map(|(label, guessed)| (label.to_owned(), guessed))));
    pipeline.close(9 * SECOND).unwrap();
    assert!(text(folder.path(), ".zst").contains(r#""method":"address","guessed":true"#));
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

/// The record of flow 1, of whose payload the kernel took `sent` pieces a side, after these samples.
fn sampled(sent: [u8; 2], samples: &[(bool, &[u8])], limits: SampleLimits) -> Sample {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.samples = limits;
    let mut pipeline = Pipeline::new(config, Keep::default()).unwrap();
    for (from_opener, bytes) in samples {
        pipeline.sample(&sample(1, *from_opener, bytes), bytes);
    }
    let (mut flow, counts) = flow(1, &packet(4, protocol::TCP, 4444), [5, 6], [OPEN, OPEN]);
    for (side, sent) in flow.entry.directions.iter_mut().zip(sent) {
        side.window.segments = sent;
    }
    pipeline.flow_ended(&flow, counts, End::Active);
    pipeline.flow_ended(&flow, counts, End::Finished);
    let records = &pipeline.tap().0;
    assert_eq!(
        records[0].sample, records[1].sample,
        "a cut changes nothing"
    );
    records[0].sample
}

#[test]
fn a_record_tells_whether_all_of_the_payload_that_was_wanted_was_looked_at() {
    let (foreign, limits) = (&[0xff; 8][..], SampleLimits::default());
    let one = [(true, foreign)];
    assert_eq!(sampled([0, 0], &[], limits), Sample::None);
    assert_eq!(sampled([1, 0], &one, limits), Sample::Whole);
    assert_eq!(sampled([1, 1], &one, limits), Sample::Lost);
    assert_eq!(sampled([2, 0], &[], limits), Sample::Lost);
    // Decided: what was lost behind it would have told nothing.
    let decided = [(true, REQUEST), (false, RESPONSE)];
    assert_eq!(sampled([8, 8], &decided, limits), Sample::Whole);
    let full = SampleLimits {
        undecided: 0,
        ..limits
    };
    assert_eq!(sampled([1, 0], &one, full), Sample::Lost);
    let blind = SampleLimits {
        blind: true,
        ..limits
    };
    assert_eq!(sampled([1, 0], &[], blind), Sample::None);
}

#[test]
fn shards_share_the_bounds_and_a_flow_has_one_of_them() {
    let folder = TempDir::new().unwrap();
    let mut config = config(folder.path());
    config.samples = SampleLimits {
        undecided: 4,
        shards: 4,
        ..SampleLimits::default()
    };
    let mut pipeline = Pipeline::new(config, ()).unwrap();
    for id in 0..8 {
        pipeline.sample(&sample(id, true, b"G"), b"G");
        pipeline.sample(&sample(id, true, b"E"), b"E");
    }
    assert_eq!(
        pipeline.samples_shed(),
        8,
        "both of each flow beyond the first of its shard"
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
