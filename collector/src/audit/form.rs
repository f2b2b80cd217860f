//! Which field of a line is at fault, where the line is not one that a meter writes.
//!
//! The types of the schema say only that a line is wrong, and their errors repeat what is in it. So
//! each field is put into a line that is right: where that is no longer a line, the field is wrong.

use std::sync::LazyLock;

use collector_common::schema::Line;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Found, WHOLE, What};

/// Name of a line's type.
const TYPE: &str = "type";
/// The one field that a line may lack.
const OPTIONAL: &str = "country";

/// A line of each type, with every field that it may have.
const SAMPLES: [&str; 9] = [
    r#"{"type":"header","schema":3,"node":"relay","time_zone":"UTC","level":"coarse","k":20,"dp":null,"geo":null,"relays":[],"exclusions":0,"payload":"none","meter":"1.0.0"}"#,
    r#"{"type":"flow","start":"2026-11-22T15:00:00Z","leg":"exit","leg_basis":"port","transport":"tcp","ip_version":4,"label":"TLS","category":"Web","method":"dpi","guessed":false,"confidence":"certain","sample":"whole","source_country":"ZZ","destination_country":"ZZ","source_proxy":null,"destination_proxy":null,"destination_port":443,"user_agent":null,"content_type":null,"end":"finished","outcome":"answered","failed":false,"opener_basis":"syn","packets":16,"bytes":1024,"duration_ms":0}"#,
    r#"{"type":"failed","hour":"2026-11-22T15:00:00Z","leg":"exit","transport":"tcp","outcome":"refused","port_class":"registered","flows":20,"packets":40,"bytes":2400}"#,
    r#"{"type":"statistics","hour":"2026-11-22T15:00:00Z","leg":"exit","all":{"flows":20,"packets":0,"bytes":0},"failed":{"flows":0,"packets":0,"bytes":0},"answered":{"flows":0,"packets":0,"bytes":0},"refused":{"flows":0,"packets":0,"bytes":0},"no_answer":{"flows":0,"packets":0,"bytes":0},"guessed":0,"duration_ms":0,"mean_duration_ms":0,"source_countries":1,"destination_countries":1}"#,
    r#"{"type":"relay_statistics","relay":"relay","hour":"2026-11-22T15:00:00Z","leg":"exit","all":{"flows":20,"packets":0,"bytes":0},"failed":{"flows":0,"packets":0,"bytes":0},"answered":{"flows":0,"packets":0,"bytes":0},"refused":{"flows":0,"packets":0,"bytes":0},"no_answer":{"flows":0,"packets":0,"bytes":0},"guessed":0,"duration_ms":0,"mean_duration_ms":0,"source_countries":1,"destination_countries":1}"#,
    r#"{"type":"anomaly","hour":"2026-11-22T15:00:00Z","leg":"exit","kind":"port_scan","direction":"out","port_class":"registered","starts":1,"flows":1000,"packets":1000}"#,
    r#"{"type":"counters","since":"2026-11-22T15:00:00Z","until":"2026-11-22T15:00:00Z","seen":{"packets":0,"bytes":0},"not_ip":{"packets":0,"bytes":0},"malformed":{"packets":0,"bytes":0},"later_fragment":{"packets":0,"bytes":0},"excluded":{"packets":0,"bytes":0},"other_interface":{"packets":0,"bytes":0},"overflow_lost":{"packets":0,"bytes":0},"late_lost":{"packets":0,"bytes":0},"unsupported":{"packets":0,"bytes":0},"lost_in_crash":{"packets":0,"bytes":0},"lost_in_upgrade":0,"unwritten":{"flows":0,"packets":0,"bytes":0},"samples_lost":0,"samples_shed":0,"host":{"link_down":0,"renamed":0,"mtu":0,"offloads":0,"hook_gone":0,"clock_steps":0,"suspends":0}}"#,
    r#"{"type":"day","day":"2026-11-22","leg":"exit","by":"port_country","key":"443","country":"DE","flows":20,"failed":0,"packets":40,"bytes":2400,"duration_ms":0}"#,
    r#"{"type":"distinct","day":"2026-11-22","leg":"exit","by":"label","values":1,"at_least":20}"#,
];

static PARSED: LazyLock<Vec<Map<String, Value>>> =
    LazyLock::new(|| SAMPLES.iter().filter_map(|text| object(text)).collect());

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// The name of a line's type.
pub(super) fn kind(line: &Line) -> &'static str {
    match line {
        Line::Header(_) => "header",
        Line::Flow(_) => "flow",
        Line::Failed(_) => "failed",
        Line::Statistics(_) => "statistics",
        Line::RelayStatistics(_) => "relay_statistics",
        Line::Anomaly(_) => "anomaly",
        Line::Counters(_) => "counters",
        Line::Day(_) => "day",
        Line::Distinct(_) => "distinct",
    }
}

/// Named values of a line: ends of names, `":`, but for those within a text, where a quotation mark
/// is escaped.
pub(super) fn fields(line: &str) -> u64 {
    let ends = line.as_bytes().windows(3);
    ends.filter(|bytes| bytes[0] != b'\\' && bytes[1..] == *b"\":")
        .count() as u64
}

/// Says of a line that is none what is wrong with it.
pub(super) fn blame(text: &str, found: &mut Found) {
    if found.is_full() {
        found.fault(WHOLE, What::Form);
        return;
    }
    let Some(line) = object(text) else {
        found.fault(WHOLE, What::NoJson);
        return;
    };
    let kind = line.get(TYPE);
    let Some(sample) = PARSED.iter().find(|sample| sample.get(TYPE) == kind) else {
        found.fault(TYPE, What::Invalid);
        return;
    };
    if blame_fields(&line, sample, found) == 0 {
        found.fault(WHOLE, What::Form);
    }
}

/// How many fields are wrong.
fn blame_fields(
    line: &Map<String, Value>,
    sample: &'static Map<String, Value>,
    found: &mut Found,
) -> usize {
    let mut wrong = 0;
    let mut fault = |field: &'static str, what| {
        found.fault(field, what);
        wrong += 1;
    };
    for field in sample.keys() {
        match line.get(field) {
            None if field == OPTIONAL => {}
            None => fault(field, What::Missing),
            Some(value) if fits(sample, field, value) => {}
            Some(_) => fault(field, What::Invalid),
        }
    }
    // Their names may tell anything, so they are not told.
    let unknown = line.keys().filter(|field| !sample.contains_key(*field));
    unknown.for_each(|_| fault(WHOLE, What::Unknown));
    wrong
}

/// Whether the sample is still a line, and says the same, with this value.
fn fits(sample: &Map<String, Value>, field: &str, value: &Value) -> bool {
    let mut changed = sample.clone();
    changed.insert(field.to_owned(), value.clone());
    let changed = Value::Object(changed);
    let line = Line::deserialize(&changed);
    line.is_ok_and(|line| serde_json::to_value(line).is_ok_and(|again| again == changed))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_samples_are_lines_of_every_type_as_a_meter_writes_them() {
        let mut kinds = BTreeSet::new();
        for sample in SAMPLES {
            let line: Line = serde_json::from_str(sample).unwrap();
            assert_eq!(serde_json::to_string(&line).unwrap(), sample);
            kinds.insert(kind(&line));
        }
        let schema: Value = serde_json::from_str(collector_common::schema::JSON_SCHEMA).unwrap();
        let types = schema["oneOf"].as_array().unwrap();
        let types = types.iter().map(|line| line["$ref"].as_str().unwrap());
        let types: BTreeSet<_> = types.map(|name| &name["#/$defs/".len()..]).collect();
        assert_eq!(kinds, types);
    }

    #[test]
    fn fields_are_counted_with_those_within_and_not_in_texts() {
        assert_eq!(fields(r#"{"a":1,"b":{"c":null}}"#), 3);
        assert_eq!(fields(r#"{"a":"\":\":","b":""}"#), 2);
    }
}
