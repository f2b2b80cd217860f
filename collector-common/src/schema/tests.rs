use super::*;

fn hour(text: &str) -> Hour {
    Hour::of(text.parse().unwrap())
}

#[test]
fn an_hour_forgets_minutes_and_is_written_in_utc() {
    let json = serde_json::to_string(&hour("2026-11-22T15:59:59.999Z")).unwrap();
    assert_eq!(json, r#""2026-11-22T15:00:00Z""#);
    assert_eq!(
        serde_json::from_str::<Hour>(&json).unwrap(),
        hour("2026-11-22T15:00:00Z")
    );
    assert!(serde_json::from_str::<Hour>(r#""2026-11-22T15:01:00Z""#).is_err());
}

#[test]
fn a_bucket_is_the_power_of_two_below() {
    let lower = |number| Bucket::of(number).lower_bound();
    assert_eq!(
        [lower(0), lower(1), lower(3), lower(4)],
        [0, 1, 2, 4],
        "0 stays 0"
    );
    assert_eq!(lower(u64::MAX), 1 << 63);
    assert!(serde_json::from_str::<Bucket>("3").is_err());
}

#[test]
fn lineages_and_record_ids_come_back_from_text() {
    let id = SpoolId {
        flow: u64::MAX,
        part: 7,
    };
    let json = serde_json::to_string(&(Lineage(10), id)).unwrap();
    assert_eq!(json, r#"["000000000000000a","ffffffffffffffff.7"]"#);
    assert_eq!(
        serde_json::from_str::<(Lineage, SpoolId)>(&json).unwrap(),
        (Lineage(10), id)
    );
    assert!(serde_json::from_str::<SpoolId>(r#""+00000000000000f.7""#).is_err());
}

#[test]
fn a_line_carries_its_type_and_refuses_unknown_fields() {
    let line = Line::Statistics(Statistics::empty(hour("2026-11-22T15:00:00Z"), Leg::Dns));
    let json = serde_json::to_string(&line).unwrap();
    assert!(json.starts_with(r#"{"type":"statistics","hour":"2026-11-22T15:00:00Z""#));
    assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
    let more = json.replacen('{', r#"{"address":1,"#, 1);
    assert!(serde_json::from_str::<Line>(&more).is_err());
}

#[test]
fn statistics_count_every_record_under_one_outcome() {
    let mut statistics = Statistics::empty(hour("2026-11-22T15:00:00Z"), Leg::Inbound);
    let sum = Sum {
        flows: 1,
        packets: 2,
        bytes: 120,
    };
    statistics.count(Outcome::Refused, true, sum);
    statistics.count(Outcome::Answered, false, sum);
    assert_eq!(statistics.all.packets, 4);
    assert_eq!(statistics.failed, statistics.refused);
    assert_eq!(statistics.no_answer, Sum::default());
}

#[test]
fn the_json_schema_lists_exactly_the_ports_that_are_told() {
    let schema: serde_json::Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let listed: Vec<u64> = schema["$defs"]["port"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(serde_json::Value::as_u64)
        .collect();
    let told: Vec<u64> = Port::common().iter().map(|port| u64::from(*port)).collect();
    assert_eq!(listed, told);
}
