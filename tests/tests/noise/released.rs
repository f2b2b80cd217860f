//! Noise as it is in files, from captures on: what an operator publishes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result};
use collector_common::schema::{DayCell, Dimension, Leg, Line};
use collector_tests::{
    binary::{assert_fails, program},
    trace::{Flood, Kind, Limit, Mix, Outputs, Resolution, Shares, Trace},
};
use tempfile::TempDir;

use crate::draws::Draws;

const DP: [&str; 4] = [
    "--privacy",
    "aggregate",
    "--dp",
    "epsilon=1,bound=1,period=day",
];

/// A folder with captures in it.
struct Captures(TempDir);

impl Captures {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let mix = Mix {
            limit: Limit::Flows(400),
            concurrency: 100,
            shares: Shares::default(),
            ipv6: 20,
            mean_packets: 20.0,
        };
        let flood = Flood {
            flows: 5000,
            bare: false,
        };
        for (name, kind) in [("mix", Kind::Mix(mix)), ("flood", Kind::SynFlood(flood))] {
            let trace = Trace {
                kind,
                rate: 1000,
                resolution: Resolution::Micro,
                seed: 7,
            };
            let mut file = fs::File::create(folder.path().join(name))?;
            trace.write(Outputs {
                capture: &mut file,
                truth: None,
                progress: &mut |_| {},
            })?;
        }
        Ok(Self(folder))
    }

    fn out(&self) -> std::path::PathBuf {
        self.0.path().join("out")
    }

    /// `collector replay CAPTURE FLAGS` into the folder `out`.
    fn command(&self, capture: &str, flags: &[&str]) -> Command {
        let mut command = program();
        command.arg("replay").arg(self.0.path().join(capture));
        command.arg("--out").arg(self.out()).args(flags);
        command
    }

    fn replay(&self, capture: &str) -> Result<Output> {
        Ok(self.command(capture, &DP).output()?)
    }
}

/// Names and contents of the files in `folder`.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// Every line of the one day file.
fn released(folder: &Path) -> Result<Vec<Line>> {
    let files = files(folder)?;
    let mut days = files.iter().filter(|(name, _)| name.starts_with("day-"));
    let (_, bytes) = days.next().context("a day file")?;
    assert_eq!(days.next(), None, "one day");
    let text = String::from_utf8(zstd::decode_all(&bytes[..])?)?;
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).context("a line outside the schema"))
        .collect()
}

fn cells(lines: Vec<Line>) -> Vec<DayCell> {
    let cell = |line| match line {
        Line::Day(cell) => Some(cell),
        _ => None,
    };
    lines.into_iter().filter_map(cell).collect()
}

#[test]
fn cells_of_a_released_file_that_nobody_is_in_follow_the_closed_form() -> Result<()> {
    let captures = Captures::new()?;
    let output = captures.replay("mix")?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = released(&captures.out())?;
    let told = lines.iter().filter(|line| !matches!(line, Line::Day(_)));
    assert_eq!(told.count(), 1, "a header, and nothing without noise");
    let cells = cells(lines);
    let lists: BTreeSet<Dimension> = cells.iter().map(|cell| cell.by).collect();
    // Without --host nothing tells legs: each flow is in `unknown`.
    let nobody = cells.iter().filter(|cell| cell.leg != Leg::Unknown);
    let noise: Vec<i64> = nobody.map(|cell| cell.flows).collect();
    assert!(noise.len() > 10_000, "{}", noise.len());
    let noise: Draws = noise.into_iter().collect();
    // Epsilon 1 and a bound of 1: the scale is the number of lists.
    let scale = lists.len() as f64;
    noise.follow(scale)?;
    assert!(noise.follow(scale * 1.1).is_err(), "so many cells can tell");
    Ok(())
}

#[test]
fn cells_where_flows_are_have_their_number_within_the_noise() -> Result<()> {
    let captures = Captures::new()?;
    let output = captures.replay("flood")?;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // Noise of scale 16 is above 700 with a chance of e^-43.
    let near = |cell: &DayCell, flows: i64| (cell.flows - flows).abs() < 700;
    let cells = cells(released(&captures.out())?);
    let unknown = cells.iter().filter(|cell| cell.leg == Leg::Unknown);
    for cell in unknown {
        let flooded = match cell.by {
            Dimension::All => true,
            Dimension::Transport => cell.key == "tcp",
            Dimension::Outcome => cell.key == "no_answer",
            Dimension::Failed => cell.key == "true",
            _ => continue,
        };
        assert!(near(cell, if flooded { 5000 } else { 0 }), "{cell:?}");
    }
    Ok(())
}

#[test]
fn a_second_release_of_the_same_days_is_refused_and_the_first_stays() -> Result<()> {
    let captures = Captures::new()?;
    assert_eq!(captures.replay("mix")?.status.code(), Some(0));
    let before = files(&captures.out())?;
    let second = captures.replay("mix")?;
    let said = String::from_utf8(second.stderr)?;
    assert_eq!(second.status.code(), Some(1), "{said}");
    for words in [
        "flows are in no day file",
        "were released before",
        "budget-collector.ndjson",
        "use another folder",
        "is an assumption",
    ] {
        assert!(said.contains(words), "{words}? {said}");
    }
    assert_eq!(files(&captures.out())?, before);
    Ok(())
}

#[test]
fn a_release_for_each_capture_is_refused() -> Result<()> {
    let captures = Captures::new()?;
    let mut each = captures.command("mix", &DP);
    assert_fails(each.arg("--each"), 2, &["--dp and --each"])?;
    assert!(!captures.out().exists());
    Ok(())
}

#[test]
fn a_damaged_budget_stops_a_replay_before_it_writes() -> Result<()> {
    let captures = Captures::new()?;
    fs::create_dir(captures.out())?;
    let budget = captures.out().join("budget-collector.ndjson");
    fs::write(&budget, "{}\n")?;
    let mut replay = captures.command("mix", &DP);
    assert_fails(
        &mut replay,
        1,
        &["budget-collector.ndjson, line 1", "restore"],
    )?;
    assert_eq!(files(&captures.out())?.len(), 1);
    Ok(())
}
