//! A flow line as a row for people.

use serde_json::Value;

/// Title, width, and where the text comes from.
type Column = (&'static str, usize, fn(&Value) -> String);

const COLUMNS: &[Column] = &[
    ("hour", 17, |flow| text(flow, "hour").replace(":00Z", "Z")),
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
    ("packets", 8, |flow| at_least(flow, "packets")),
    ("bytes", 9, |flow| at_least(flow, "bytes")),
    ("user agent", 10, |flow| text(flow, "user_agent")),
    ("content type", 16, |flow| text(flow, "content_type")),
    ("end", 8, |flow| text(flow, "end")),
];

/// The columns' titles.
pub(super) fn heading() -> String {
    line(|(title, ..)| (*title).to_owned())
}

/// None for lines that are no flow.
pub(super) fn row(ndjson: &str) -> Option<String> {
    let value: Value = serde_json::from_str(ndjson).ok()?;
    (value["type"] == "flow").then(|| line(|(.., cell)| cell(&value)))
}

fn line(cell: impl Fn(&Column) -> String) -> String {
    let cells = COLUMNS
        .iter()
        .map(|column| format!("{:width$}", cell(column), width = column.1));
    let line = cells.collect::<Vec<_>>().join(" ");
    line.trim_end().to_owned()
}

fn text(flow: &Value, field: &str) -> String {
    match &flow[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Counts in files are rounded down to a power of two.
fn at_least(flow: &Value, field: &str) -> String {
    format!("≥{}", text(flow, field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: &str = r#"{"type":"flow","hour":"2026-11-22T15:00:00Z","leg":"exit",
"leg_basis":"hook","transport":"tcp","ip_version":6,"label":"TLS","category":"Web",
"method":"dpi","guessed":false,"source_country":"ZZ","destination_country":"DE",
"destination_port":443,"packets":16,"bytes":4096,"duration_ms":16,"user_agent":null,
"content_type":null,"end":"finished","outcome":"answered","failed":false,"opener_basis":"syn"}"#;

    #[test]
    fn a_flow_is_a_row_under_the_heading() {
        let (heading, row) = (heading(), row(FLOW).unwrap());
        let words: Vec<&str> = row.split_whitespace().collect();
        let expected = [
            "2026-11-22T15:00Z",
            "exit",
            "tcp/6",
            "TLS",
            "Web",
            "dpi",
            "ZZ>DE",
            "443",
            "≥16",
            "≥4096",
            "-",
            "-",
            "finished",
        ];
        assert_eq!(words, expected);
        assert_eq!(row.find("exit"), heading.find("leg"));
    }

    #[test]
    fn other_lines_are_no_rows() {
        assert!(row(r#"{"type":"statistics"}"#).is_none());
        assert!(row("broken").is_none());
    }
}
