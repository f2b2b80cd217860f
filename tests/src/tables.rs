//! Tables and figures of a study of exits (2021), from day files alone.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context, Result};
use collector::inspect::useragent;
use collector_common::schema::{DayCell, Dimension as By, Distinct, Header, Level, Line};

mod list;

pub use list::{Measure, Rows, TABLES, Table};

/// The numbers of a table by row; `None`: not at this level.
pub type Numbers = Option<BTreeMap<String, i64>>;

/// Day files of some nodes.
#[derive(Debug, Default)]
pub struct Days {
    /// Of each file.
    pub headers: Vec<Header>,
    /// With the node.
    pub cells: Vec<(String, DayCell)>,
    /// With the node.
    pub distinct: Vec<(String, Distinct)>,
}

impl Days {
    /// Adds the day files of a folder.
    ///
    /// # Errors
    /// A file that is none, or has a line outside the schema.
    pub fn read(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("day-") {
                let text = zstd::decode_all(fs::File::open(entry.path())?)?;
                self.read_lines(str::from_utf8(&text)?)?;
            }
        }
        Ok(())
    }

    fn read_lines(&mut self, text: &str) -> Result<()> {
        let mut node = String::new();
        for line in text.lines() {
            match serde_json::from_str(line).context("a line outside the schema")? {
                Line::Header(header) => {
                    node.clone_from(&header.node);
                    self.headers.push(header);
                }
                Line::Day(cell) => self.cells.push((node.clone(), cell)),
                Line::Distinct(distinct) => self.distinct.push((node.clone(), distinct)),
                other => anyhow::bail!("not a line of a day file: {other:?}"),
            }
        }
        Ok(())
    }

    /// What the files say for a table.
    #[must_use]
    pub fn numbers(&self, table: &Table) -> Numbers {
        match table.rows {
            Rows::By(by) => self.sum(table, by, |_, cell| row(cell)),
            Rows::ByNodeAnd(by) => {
                self.sum(table, by, |node, cell| format!("{node} {}", row(cell)))
            }
            Rows::Agents if !self.tells_agents() => None,
            Rows::Agents => self.of_http(table, By::UserAgent, ToOwned::to_owned),
            Rows::Families => self.of_http(table, By::UserAgent, family),
            Rows::ContentGroups => self.of_http(table, By::ContentType, |key| {
                key.split('/').next().unwrap_or_default().to_owned()
            }),
            Rows::Values(by) => self.values(table, by),
        }
    }

    fn of_http(&self, table: &Table, by: By, row: impl Fn(&str) -> String) -> Numbers {
        let mut numbers = self.sum(table, by, |_, cell| row(&cell.key))?;
        numbers.remove(NOT_HTTP);
        Some(numbers)
    }

    fn tells_agents(&self) -> bool {
        let mut headers = self.headers.iter();
        headers.all(|header| header.level == Level::Thesis)
    }

    /// One cell that does not tell the measure, or none at all: the table is not at this level.
    fn sum(&self, table: &Table, by: By, row: impl Fn(&str, &DayCell) -> String) -> Numbers {
        let mut sums = BTreeMap::new();
        let cells = self.cells.iter().filter(|(_, cell)| cell.by == by);
        for (node, cell) in cells {
            let number = table.measure.of(cell)?;
            if table.legs.is_empty() || table.legs.contains(&cell.leg) {
                *sums.entry(row(node, cell)).or_default() += number;
            }
        }
        let any = self.cells.iter().any(|(_, cell)| cell.by == by);
        any.then_some(sums)
    }

    fn values(&self, table: &Table, by: By) -> Numbers {
        let lines = self.distinct.iter().filter(|(_, line)| line.by == by);
        let mut rows = BTreeMap::new();
        for (node, line) in lines {
            if table.legs.contains(&line.leg) {
                let leg = format!("{:?}", line.leg).to_lowercase();
                let row = format!(
                    "{node} {} {leg}, of {} flows or more",
                    line.day, line.at_least
                );
                rows.insert(row, i64::try_from(line.values).unwrap_or(i64::MAX));
            }
        }
        (!self.distinct.is_empty()).then_some(rows)
    }
}

/// Key of flows that have no HTTP in them.
const NOT_HTTP: &str = "not_http";

/// Of a user agent as any level tells it.
fn family(told: &str) -> String {
    let is_one = useragent::families().any(|family| family == told);
    if is_one || ["unknown", NOT_HTTP].contains(&told) {
        return told.to_owned();
    }
    useragent::family(told).to_owned()
}

fn row(cell: &DayCell) -> String {
    match cell.country {
        Some(country) => format!("{} {country}", cell.key),
        None => cell.key.clone().into_owned(),
    }
}

/// All tables, for people: rows by size, each with its share.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in TABLES {
            writeln!(f, "{} ({:?})", table.name, table.measure)?;
            let Some(numbers) = self.numbers(table) else {
                writeln!(f, "    not at this level")?;
                continue;
            };
            let sum: i64 = numbers.values().sum();
            let mut rows: Vec<_> = numbers.into_iter().collect();
            rows.sort_by_key(|(row, number)| (-number, row.clone()));
            for (row, number) in rows {
                let share = 100.0 * number as f64 / sum.max(1) as f64;
                writeln!(f, "    {number:>12} {share:>6.2} %  {row}")?;
            }
        }
        Ok(())
    }
}
