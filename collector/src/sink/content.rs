//! What one spool holds, on its way to a closed file.

use std::{collections::BTreeMap, path::Path};

use collector_common::schema::{Counters, Header, Leg};
use hashbrown::HashMap;

use super::{
    SinkError,
    anomalies::Anomalies,
    days::{Histograms, day_of},
    entry::{Entry, Kind, Row, Size},
    recover::{SpoolLine, each_line},
};

/// Rows take 40 bytes each; a kind is kept once.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) header: Option<Header>,
    pub(super) kinds: Vec<Kind>,
    /// Flows that get a line.
    pub(super) rows: Vec<Row>,
    /// All others, by kind and begin.
    counted: HashMap<(u32, i64), Size>,
    /// Of those.
    sizes: BTreeMap<(Leg, i64), Histograms>,
    pub(super) anomalies: Anomalies,
    /// When the spool was begun.
    before: Option<Counters>,
    after: Counters,
}

impl Content {
    /// Reads a spool.
    pub(super) fn read(path: &Path) -> Result<Self, SinkError> {
        let mut reading = Reading::default();
        each_line(path, |line| reading.take(line))?;
        Ok(reading.content)
    }

    pub(super) fn is_empty(&self) -> bool {
        let has_records = !(self.rows.is_empty() && self.counted.is_empty());
        !has_records && self.anomalies.is_empty() && self.counters() == Counters::default()
    }

    /// Sums by kind and begin, rows included.
    pub(super) fn sums(&self) -> HashMap<(u32, i64), Size> {
        let mut sums = self.counted.clone();
        for row in &self.rows {
            sums.entry((row.kind, row.start))
                .or_default()
                .add(row.size());
        }
        sums
    }

    /// How large records were, by leg and day.
    pub(super) fn sizes(&self) -> BTreeMap<(Leg, i64), Histograms> {
        let mut sizes = self.sizes.clone();
        for row in &self.rows {
            if let Some(kind) = self.kinds.get(row.kind as usize) {
                let day = (kind.traits.leg, day_of(row.start));
                sizes.entry(day).or_default().count(row.size());
            }
        }
        sizes
    }

    /// What was seen while it was written.
    pub(super) fn counters(&self) -> Counters {
        self.after.since(&self.before.unwrap_or_default())
    }
}

#[derive(Default)]
struct Reading {
    content: Content,
    /// Kinds that are known, with their places.
    known: HashMap<Kind, u32>,
    /// What numbers stand for.
    numbers: Vec<u32>,
}

impl Reading {
    fn take(&mut self, line: SpoolLine) -> Option<()> {
        match line {
            SpoolLine::Row(mut row) => {
                row.kind = *self.numbers.get(row.kind as usize)?;
                self.content.rows.push(row);
                Some(())
            }
            SpoolLine::Entry(entry) => self.take_entry(*entry),
        }
    }

    fn take_entry(&mut self, entry: Entry) -> Option<()> {
        let content = &mut self.content;
        match entry {
            Entry::Header(header) => content.header = Some(header),
            Entry::Kind { number, kind } => self.name(number, kind)?,
            Entry::Counted { kind, start, size } => {
                let kind = *self.numbers.get(kind as usize)?;
                content.counted.entry((kind, start)).or_default().add(size);
            }
            Entry::Sizes {
                leg,
                day,
                histograms,
            } => {
                let sizes = content.sizes.entry((leg, day)).or_default();
                sizes.add(&histograms);
            }
            Entry::Anomaly(anomaly) => content.anomalies.add(&anomaly),
            Entry::Ids(_) | Entry::Cuts(_) => {}
            Entry::Totals(totals) => {
                content.before.get_or_insert(totals.counters);
                content.after = totals.counters;
            }
        }
        Some(())
    }

    /// Kinds are numbered from 0, and again from there when there were too many.
    fn name(&mut self, number: u32, kind: Kind) -> Option<()> {
        if number == 0 {
            self.numbers.clear();
        }
        if number as usize != self.numbers.len() {
            return None;
        }
        let next = u32::try_from(self.content.kinds.len()).ok()?;
        let place = *self.known.entry_ref(&kind).or_insert(next);
        if place == next {
            self.content.kinds.push(kind);
        }
        self.numbers.push(place);
        Some(())
    }
}
