//! Day files alone give every table and figure of a study of exits: exactly, within the stated
//! rounding, or `not at this level`.

mod captures;
mod held;
mod truth;

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use captures::{NODES, RELAY};
use collector_common::schema::Level;
use collector_tests::{
    binary::program,
    tables::{Days, Measure, Rows, TABLES},
};
use serde_json::Value;
use tempfile::TempDir;

/// Captures, and what was made of them.
struct Study(TempDir);

impl Study {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        captures::write_countries(&folder.path().join("geoip"))?;
        for node in 0..NODES.len() {
            captures::write_captures(folder.path(), node)?;
        }
        Ok(Self(folder))
    }

    /// Replays each node's captures; its output is in `FLAGS-NODE`.
    fn replay(&self, flags: &str) -> Result<()> {
        for (node, _) in NODES {
            let mut replay = program();
            replay.current_dir(&self.0);
            replay.args(["replay", "--geoip", "geoip", "--node", node]);
            for host in RELAY {
                replay.args(["--host", host]);
            }
            replay.args([format!("{node}-0.pcap"), format!("{node}-1.pcap")]);
            replay.arg("--out").arg(self.out(flags, node));
            replay.args(flags.split(' '));
            let output = replay.output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{said}");
        }
        Ok(())
    }

    fn out(&self, flags: &str, node: &str) -> std::path::PathBuf {
        self.0.path().join(format!("{flags}-{node}"))
    }

    fn days(&self, flags: &str) -> Result<Days> {
        self.replay(flags)?;
        let mut days = Days::default();
        for (node, _) in NODES {
            days.read(&self.out(flags, node))?;
        }
        Ok(days)
    }

    /// The same tables without protection, with the keys of a level.
    fn truth(&self, like: &Days, level: Level) -> Result<Days> {
        let mut days = Days {
            headers: like.headers.clone(),
            ..Days::default()
        };
        for (node, _) in NODES {
            let cells = truth::cells(&unprotected(&self.out(OFF, node))?, level)?;
            days.cells
                .extend(cells.into_iter().map(|cell| (node.to_owned(), cell)));
        }
        Ok(days)
    }
}

const OFF: &str = "--privacy off";

fn unprotected(folder: &Path) -> Result<Vec<Value>> {
    let entry = fs::read_dir(folder)?.next().context("a file")??;
    let text = String::from_utf8(zstd::decode_all(fs::File::open(entry.path())?)?)?;
    let lines = text.lines();
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[test]
fn every_table_can_be_computed_from_day_files_of_each_level() -> Result<()> {
    let study = Study::new()?;
    study.replay(OFF)?;
    for (flags, level) in [
        ("--privacy aggregate", Level::Aggregate),
        ("--privacy coarse", Level::Coarse),
        ("--privacy thesis", Level::Thesis),
    ] {
        let told = study.days(flags)?;
        println!("{flags}\n{told}");
        let truth = study.truth(&told, level)?;
        held::cells(&told, &truth, level);
        held::values(&told, &truth, level);
        for table in TABLES {
            let only_thesis = table.rows == Rows::Agents;
            let numbers = told.numbers(table);
            assert_eq!(
                numbers.is_none(),
                only_thesis && level != Level::Thesis,
                "{} at {level:?}",
                table.name
            );
            let (Some(numbers), Rows::By(_) | Rows::ByNodeAnd(_)) = (numbers, table.rows) else {
                continue;
            };
            let exact = truth.numbers(table).context(table.name)?;
            let (sum, exact): (i64, i64) = (numbers.values().sum(), exact.values().sum());
            ensure!(exact > 0, "{} has something to show", table.name);
            if level != Level::Aggregate {
                assert_eq!(sum, exact, "{} at {level:?}", table.name);
            }
        }
    }
    Ok(())
}

#[test]
fn what_noise_does_not_tell_is_not_at_this_level() -> Result<()> {
    let study = Study::new()?;
    let noisy = study.days("--privacy aggregate --dp epsilon=1,bound=1,period=day")?;
    for table in TABLES {
        let told = table.measure == Measure::Flows && !matches!(table.rows, Rows::Values(_));
        assert_eq!(noisy.numbers(table).is_some(), told, "{}", table.name);
    }
    let shown = noisy.to_string();
    let told: BTreeSet<&str> = shown.lines().map(str::trim).collect();
    assert!(told.contains("not at this level"));
    Ok(())
}
