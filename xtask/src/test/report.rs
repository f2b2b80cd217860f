//! The table at the end of a test run.

use std::{fmt, time::Duration};

/// How a part ended.
pub(super) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    /// With the reason.
    Skipped(String),
}

/// Outcomes in the order of the run.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<(String, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, part: &str, outcome: Outcome) {
        self.lines.push((part.to_owned(), outcome));
    }

    /// Whether a part ran and did not pass, or could not run.
    pub(super) fn failed(&self, part: &str) -> bool {
        let named = |(name, outcome): &(String, Outcome)| {
            name == part && !matches!(outcome, Outcome::Passed(_))
        };
        self.lines.iter().any(named)
    }

    /// Whether any part did not pass.
    pub(super) fn has_failed(&self) -> bool {
        let passed = |(_, outcome): &(String, Outcome)| matches!(outcome, Outcome::Passed(_));
        !self.lines.iter().all(passed)
    }

    fn count(&self, of_kind: fn(&Outcome) -> bool) -> usize {
        self.lines.iter().filter(|line| of_kind(&line.1)).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.0.len()).max();
        let width = width.unwrap_or_default().max("part".len());
        writeln!(formatter, "{:width$}  minutes  result", "part")?;
        let mut total = Duration::ZERO;
        for (name, outcome) in &self.lines {
            let (time, result) = match outcome {
                Outcome::Passed(time) => (*time, "passed".to_owned()),
                Outcome::Failed(time) => (*time, "FAILED".to_owned()),
                Outcome::Skipped(reason) => (Duration::ZERO, format!("skipped: {reason}")),
            };
            total += time;
            writeln!(formatter, "{name:width$}  {:7.1}  {result}", minutes(time))?;
        }
        writeln!(formatter, "{:width$}  {:7.1}", "all", minutes(total))?;
        write!(
            formatter,
            "parts: {} passed, {} failed, {} skipped",
            self.count(|outcome| matches!(outcome, Outcome::Passed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Failed(_))),
            self.count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        )
    }
}

fn minutes(time: Duration) -> f64 {
    time.as_secs_f64() / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_minutes_and_results() {
        let mut report = Report::default();
        report.add("fmt", Outcome::Passed(Duration::from_secs(6)));
        report.add("build", Outcome::Failed(Duration::from_secs(90)));
        report.add("namespaces", Outcome::Skipped("build failed".to_owned()));
        let expected = "\
part        minutes  result
fmt             0.1  passed
build           1.5  FAILED
namespaces      0.0  skipped: build failed
all             1.6
parts: 1 passed, 1 failed, 1 skipped";
        assert_eq!(report.to_string(), expected);
        assert!(report.has_failed());
    }

    #[test]
    fn a_skipped_part_holds_up_what_needs_it() {
        let mut report = Report::default();
        report.add("build", Outcome::Skipped("setup failed".to_owned()));
        assert!(report.failed("build"));
        assert!(!report.failed("fmt"));
    }
}
