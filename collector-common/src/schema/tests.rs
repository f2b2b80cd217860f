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

fn statistics() -> Statistics {
    Statistics {
        hour: hour("2026-11-22T15:00:00Z"),
        leg: Leg::Dns,
        all: Sum::default(),
        failed: Sum::default(),
        answered: Sum::default(),
        refused: Sum::default(),
        no_answer: Sum::default(),
        guessed: 0,
        duration_ms: 0,
        mean_duration_ms: 0,
        source_countries: 0,
        destination_countries: 0,
    }
}

#[test]
fn a_line_carries_its_type_and_refuses_unknown_fields() {
    let line = Line::Statistics(statistics());
    let json = serde_json::to_string(&line).unwrap();
    assert!(json.starts_with(r#"{"type":"statistics","hour":"2026-11-22T15:00:00Z""#));
    assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
    let more = json.replacen('{', r#"{"address":1,"#, 1);
    assert!(serde_json::from_str::<Line>(&more).is_err());
}

#[test]
fn a_label_is_written_as_protocol_and_application() {
    for text in [r#""TLS""#, r#""TLS.Google""#] {
        let label: Label = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&label).unwrap(), text);
        assert_eq!(label.broader(), Label::of("TLS"));
    }
}

#[test]
fn counters_tell_what_was_added_in_between() {
    let counters = |packets| Counters {
        seen: Volume {
            packets,
            bytes: 10 * packets,
        },
        samples_lost: packets,
        ..Counters::default()
    };
    assert_eq!(counters(9).since(&counters(4)), counters(5));
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

#[test]
fn the_json_schema_lists_exactly_the_countries_there_are() {
    let schema: serde_json::Value = serde_json::from_str(JSON_SCHEMA).unwrap();
    let listed = schema["$defs"]["country"]["enum"].as_array().unwrap();
    let told: Vec<_> = Country::all().map(|it| serde_json::json!(it)).collect();
    assert!(told.iter().all(|country| listed.contains(country)));
    assert_eq!(listed.len(), told.len());
}
