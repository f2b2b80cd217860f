//! A spool's flows as rows for people: exact, as files of no level tell them.

use std::collections::HashMap;

use serde_json::Value;

/// Title, width, and where the text comes from.
type Column = (&'static str, usize, fn(&Flow<'_>) -> String);

/// A spool tells a kind of flows once; a flow is an array of numbers that begins with its kind's.
struct Flow<'a> {
    kind: &'a Value,
    numbers: &'a [Value],
}

const COLUMNS: &[Column] = &[
    ("hour", 6, |flow| {
        let minutes = flow.number(1).unwrap_or_default();
        format!("{:02}:00Z", minutes / 60 % 24)
    }),
    ("leg", 8, |flow| text(flow, "leg")),
    ("transport", 9, |flow| {
        format!("{}/{}", text(flow, "transport"), text(flow, "ip_version"))
    }),
    ("label", 16, |flow| text(flow, "label")),
    ("category", 12, |flow| text(flow, "category")),
    ("method", 6, |flow| text(flow, "method")),
    ("from>to", 7, |flow| {
        let (from, to) = ("source_country", "destination_country");
        format!("{}>{}", text(flow, from), text(flow, to))
    }),
    ("port", 10, |flow| text(flow, "destination_port")),
    ("packets", 8, |flow| count(flow, 2)),
    ("bytes", 9, |flow| count(flow, 3)),
    ("user agent", 10, |flow| text(flow, "user_agent")),
    ("content type", 16, |flow| text(flow, "content_type")),
    ("end", 8, |flow| text(flow, "end")),
];

/// The columns' titles.
pub(super) fn heading() -> String {
    line(|(title, ..)| (*title).to_owned())
}

/// What numbers stand for in the spool that is read.
#[derive(Default)]
pub(super) struct Kinds(HashMap<u64, Value>);

impl Kinds {
    /// None for lines that are no flow.
    pub(super) fn row(&mut self, ndjson: &str) -> Option<String> {
        let value: Value = serde_json::from_str(ndjson).ok()?;
        if value["type"] == "kind" {
            self.0.insert(value["number"].as_u64()?, value);
            return None;
        }
        let numbers = value.as_array()?;
        let kind = self.0.get(&numbers.first()?.as_u64()?)?;
        let flow = Flow { kind, numbers };
        Some(line(|(.., cell)| cell(&flow)))
    }
}

impl Flow<'_> {
    fn number(&self, place: usize) -> Option<u64> {
        self.numbers.get(place)?.as_u64()
    }
}

fn line(cell: impl Fn(&Column) -> String) -> String {
    let cells = COLUMNS
        .iter()
        .map(|column| format!("{:width$}", cell(column), width = column.1));
    let line = cells.collect::<Vec<_>>().join(" ");
    line.trim_end().to_owned()
}

fn text(flow: &Flow<'_>, field: &str) -> String {
    match &flow.kind[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn count(flow: &Flow<'_>, place: usize) -> String {
    let number = flow.number(place);
    number.map_or("-".to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = r#"{"type":"kind","number":3,"leg":"exit","leg_basis":"hook",
"transport":"tcp","ip_version":6,"label":"TLS","category":"Web","method":"dpi","guessed":false,
"source_country":"ZZ","destination_country":"DE","destination_port":443,"user_agent":null,
"content_type":null,"end":"finished","outcome":"answered","failed":false,"opener_basis":"syn"}"#;

    #[test]
    fn a_flow_is_a_row_under_the_heading() {
        let mut kinds = Kinds::default();
        assert!(kinds.row(KIND).is_none());
        let row = kinds.row("[3,29912340,17,4100,16]").unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected = [
            "11:00Z", "exit", "tcp/6", "TLS", "Web", "dpi", "ZZ>DE", "443", "17", "4100", "-", "-",
            "finished",
        ];
        assert_eq!(words, expected);
        assert_eq!(row.find("exit"), heading().find("leg"));
    }

    #[test]
    fn other_lines_are_no_rows() {
        let mut kinds = Kinds::default();
        for line in [r#"{"type":"totals"}"#, "broken", "[3,1,1,1,1]", "[]"] {
            assert!(kinds.row(line).is_none());
        }
    }
}
