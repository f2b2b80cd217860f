//! The table of a comparison.

use std::fmt;

use super::measure::Cost;

/// One program on one capture.
pub(super) struct Row {
    pub(super) program: String,
    /// The median run, or why there is none.
    pub(super) result: Result<Found, String>,
}

/// What a program took and found.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) cost: Cost,
    /// Zero for a program that looks for none.
    pub(super) flows: u64,
}

/// All programs on one capture; the first row is the one that the others are compared with.
pub(super) struct Comparison {
    pub(super) title: String,
    pub(super) packets: u64,
    pub(super) rows: Vec<Row>,
}

/// The median of each figure by itself.
pub(super) fn median(costs: &[Cost]) -> Cost {
    let of = |figure: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Cost {
        wall: of(|cost| cost.wall),
        cpu: of(|cost| cost.cpu),
        peak: of(|cost| cost.peak),
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.title)?;
        writeln!(
            formatter,
            "{:22}{:>13}{:>8}{:>10}{:>8}{:>10}{:>8}{:>10}{:>12}",
            "program",
            "packets/s",
            "ratio",
            "CPU s",
            "ratio",
            "peak MB",
            "ratio",
            "wall s",
            "flows"
        )?;
        let first = self.rows.first().and_then(|row| row.result.as_ref().ok());
        for row in &self.rows {
            match &row.result {
                Ok(found) => self.line(formatter, &row.program, found, first)?,
                Err(reason) => writeln!(formatter, "{:22}  {reason}", row.program)?,
            }
        }
        Ok(())
    }
}

impl Comparison {
    fn line(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        program: &str,
        found: &Found,
        first: Option<&Found>,
    ) -> fmt::Result {
        let ratio = |figure: fn(&Cost) -> f64| {
            first.map_or_else(String::new, |first| {
                shown_ratio(figure(&found.cost) / figure(&first.cost))
            })
        };
        let speed = self.packets as f64 / found.cost.wall;
        let flows = match found.flows {
            0 => String::new(),
            flows => grouped(flows as f64),
        };
        writeln!(
            formatter,
            "{program:22}{:>13}{:>8}{:>10.2}{:>8}{:>10.0}{:>8}{:>10.2}{flows:>12}",
            grouped(speed),
            ratio(|cost| 1.0 / cost.wall),
            found.cost.cpu,
            ratio(|cost| cost.cpu),
            found.cost.peak / 1e6,
            ratio(|cost| cost.peak),
            found.cost.wall,
        )
    }
}

/// Two or three digits that count.
fn shown_ratio(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 100.0 => format!("{ratio:.0}"),
        ratio if ratio >= 10.0 => format!("{ratio:.1}"),
        ratio if ratio >= 0.1 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.3}"),
    }
}

/// `1,234,567`.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(wall: f64, cpu: f64, peak: f64) -> Cost {
        Cost { wall, cpu, peak }
    }

    #[test]
    fn the_table_compares_with_its_first_row_and_says_why_a_row_is_empty() {
        let found = |cost, flows| Ok(Found { cost, flows });
        let row = |program: &str, result| Row {
            program: program.to_owned(),
            result,
        };
        let comparison = Comparison {
            title: "mix.pcap".to_owned(),
            packets: 3_000_000,
            rows: vec![
                row("ours", found(cost(1.0, 0.9, 50e6), 1234)),
                row("peer", found(cost(30.0, 45.0, 200e6), 1234)),
                row("other", Err("ended by the limit of 600 s".to_owned())),
            ],
        };
        let expected = "\
mix.pcap
program                   packets/s   ratio     CPU s   ratio   peak MB   ratio    wall s       flows
ours                      3,000,000    1.00      0.90    1.00        50    1.00      1.00       1,234
peer                        100,000   0.033     45.00    50.0       200    4.00     30.00       1,234
other                   ended by the limit of 600 s
";
        assert_eq!(comparison.to_string(), expected);
    }

    #[test]
    fn a_median_is_taken_figure_by_figure() {
        let costs = [
            cost(1.0, 9.0, 5.0),
            cost(3.0, 7.0, 5.0),
            cost(2.0, 8.0, 1.0),
        ];
        assert_eq!(median(&costs), cost(2.0, 8.0, 5.0));
    }
}
