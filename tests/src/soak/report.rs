//! What is kept of a soak: a summary in Markdown and a plot.

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::{books::Books, samples::Sample};

/// Of the plot, pixels.
const SIZE: (u32, u32) = (960, 620);
const MEMORY: RGBColor = RGBColor(31, 119, 180);
const DESCRIPTORS: RGBColor = RGBColor(214, 39, 40);

/// What happened.
pub(super) struct Story<'a> {
    pub(super) seed: u64,
    pub(super) length: Duration,
    pub(super) samples: &'a [Sample],
    /// How often each fault came.
    pub(super) faults: &'a BTreeMap<String, u64>,
    pub(super) books: &'a Books,
    pub(super) starts: u64,
    pub(super) unexpected: &'a [String],
    /// Frames that the senders' sockets took.
    pub(super) sent: u64,
    /// Why it ended before its time.
    pub(super) failure: Option<&'a str>,
}

impl Story<'_> {
    /// The summary.
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        let result = self.failure.unwrap_or("the books hold");
        let rows = self.rows();
        let _ = writeln!(text, "Seed {}: {result}.\n\n| | |\n|---|---|", self.seed);
        for (what, value) in rows {
            let _ = writeln!(text, "| {what} | {value} |");
        }
        if !self.unexpected.is_empty() {
            text.push_str("\nAgents that ended though nobody had asked for it:\n\n");
        }
        for end in self.unexpected {
            let _ = writeln!(text, "* {end}");
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let (books, past) = (self.books, self.books.past());
        let faults = self
            .faults
            .iter()
            .map(|(name, times)| format!("{times} {name}"));
        let faults: Vec<String> = faults.collect();
        let seen = past.ingress.packets + past.egress.packets;
        vec![
            (
                "length",
                format!("{:.2} h", self.length.as_secs_f64() / 3600.0),
            ),
            ("faults", faults.join(", ")),
            ("agents started", self.starts.to_string()),
            ("frames sent", grouped(self.sent)),
            (
                "of them, lost while the interface was down",
                grouped(self.sent.saturating_sub(seen)),
            ),
            ("packets seen by the hooks", grouped(seen)),
            ("in closed files", grouped(past.in_files().packets)),
            ("under a reason", grouped(past.reasons.packets)),
            ("lost in crashes", grouped(past.lost_in_crash.packets)),
            ("unwritten", grouped(past.unwritten.packets)),
            (
                "looks under traffic at which the books held",
                grouped(books.looks),
            ),
            ("of them, readings repeated", grouped(books.repeated)),
            ("exact comparisons on a quiet wire", grouped(books.exact)),
            ("exact comparisons with all files", grouped(books.audited)),
            (
                "files read by `zstd` and audited",
                grouped(books.files() as u64),
            ),
            (
                "resident memory, MiB",
                self.spread(|sample| sample.usage.resident / 1024),
            ),
            (
                "descriptors",
                self.spread(|sample| sample.usage.descriptors),
            ),
            ("threads", self.spread(|sample| sample.usage.threads)),
            (
                "flows in the table",
                self.spread(|sample| sample.live_flows),
            ),
            ("CPU of the agent, share of a core", self.cpu_share()),
        ]
    }

    fn spread(&self, of: fn(&Sample) -> u64) -> String {
        let mut values: Vec<u64> = self.samples.iter().map(of).collect();
        values.sort_unstable();
        match (values.first(), values.get(values.len() / 2), values.last()) {
            (Some(least), Some(median), Some(most)) => format!(
                "{} to {}, median {}",
                grouped(*least),
                grouped(*most),
                grouped(*median)
            ),
            _ => "none seen".to_owned(),
        }
    }

    /// Over all spans between two looks at the same agent.
    fn cpu_share(&self) -> String {
        let pairs = self.samples.windows(2);
        let same = pairs.filter(|pair| pair[0].process == pair[1].process);
        let (cpu, time) = same.fold((0.0, 0.0), |(cpu, time), pair| {
            (
                cpu + pair[1].usage.cpu - pair[0].usage.cpu,
                time + pair[1].seconds - pair[0].seconds,
            )
        });
        if time > 0.0 {
            format!("{:.2} %", 100.0 * cpu / time)
        } else {
            "none seen".to_owned()
        }
    }

    /// Memory and descriptors over time.
    ///
    /// # Errors
    /// The file can't be written.
    pub(super) fn plot(&self, path: &Path) -> Result<()> {
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(unplotted)?;
        let (upper, lower) = area.split_vertically(SIZE.1 / 2);
        let panels = [
            (&upper, "resident memory, MiB", MEMORY, resident as Value),
            (&lower, "descriptors", DESCRIPTORS, descriptors as Value),
        ];
        for (area, title, colour, value) in panels {
            self.panel(area, title, colour, value)
                .map_err(|error| anyhow!("the plot: {error}"))?;
        }
        area.present().map_err(unplotted)
    }

    fn panel(
        &self,
        area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        title: &str,
        colour: RGBColor,
        value: Value,
    ) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let minutes = (self.length.as_secs_f64() / 60.0).max(1.0);
        let most = self.samples.iter().map(value).fold(1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 16))
            .margin(12)
            .x_label_area_size(32)
            .y_label_area_size(48)
            .build_cartesian_2d(0.0..minutes, 0.0..most * 1.1)?;
        chart
            .configure_mesh()
            .x_desc("minutes")
            .light_line_style(TRANSPARENT)
            .draw()?;
        // A line for each agent: between two of them there is none.
        for agent in self.samples.chunk_by(|a, b| a.process == b.process) {
            let points = agent
                .iter()
                .map(|sample| (sample.seconds / 60.0, value(sample)));
            chart.draw_series(LineSeries::new(points.clone(), colour))?;
            chart.draw_series(points.map(|point| Circle::new(point, 1, colour.filled())))?;
        }
        Ok(())
    }
}

type Value = fn(&Sample) -> f64;

fn resident(sample: &Sample) -> f64 {
    sample.usage.resident as f64 / 1024.0
}

fn descriptors(sample: &Sample) -> f64 {
    sample.usage.descriptors as f64
}

/// The library's error holds what must not leave the thread.
fn unplotted(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the plot: {error}")
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    fn sample(seconds: f64, process: u32, resident: u64, cpu: f64) -> Sample {
        let usage = Usage {
            resident,
            most_resident: resident,
            cpu,
            descriptors: 20,
            threads: 2,
        };
        Sample {
            seconds,
            process,
            usage,
            live_flows: 100,
            table_size: 1000,
            samples_lost: 0,
            late: 0,
            overflow: 0,
            reasons: 0,
            unwritten: 0,
            lost_in_crash: 0,
            files: 1,
            folder: 10,
        }
    }

    fn story<'a>(
        samples: &'a [Sample],
        books: &'a Books,
        faults: &'a BTreeMap<String, u64>,
    ) -> Story<'a> {
        Story {
            seed: 7,
            length: Duration::from_secs(120),
            samples,
            faults,
            books,
            starts: 2,
            unexpected: &[],
            sent: 1_234_567,
            failure: None,
        }
    }

    #[test]
    fn a_summary_tells_spreads_and_the_share_of_each_agents_own_time() {
        let samples = [
            sample(0.0, 1, 40 << 10, 1.0),
            sample(10.0, 1, 60 << 10, 1.5),
            sample(20.0, 2, 50 << 10, 0.1),
            sample(30.0, 2, 50 << 10, 0.6),
        ];
        let (books, faults) = (Books::default(), BTreeMap::from([("kill".to_owned(), 1)]));
        let text = story(&samples, &books, &faults).markdown();
        for line in [
            "Seed 7: the books hold.",
            "| faults | 1 kill |",
            "| frames sent | 1,234,567 |",
            "| resident memory, MiB | 40 to 60, median 50 |",
            "| CPU of the agent, share of a core | 5.00 % |",
        ] {
            assert!(text.contains(line), "{line}? {text}");
        }
    }

    #[test]
    fn a_plot_has_a_panel_for_memory_and_one_for_descriptors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("soak.svg");
        let samples = [
            sample(0.0, 1, 40 << 10, 1.0),
            sample(60.0, 1, 60 << 10, 1.5),
        ];
        let (books, faults) = (Books::default(), BTreeMap::new());
        story(&samples, &books, &faults).plot(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.contains("resident memory, MiB") && svg.contains("descriptors"));
        assert!(svg.contains("<polyline"));
    }
}
