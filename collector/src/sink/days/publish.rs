//! What may be told of a day that is over.

use std::collections::BTreeMap;

use collector_common::schema::{Country, DayCell, Dimension, Distinct, Leg, Level, Line, OTHER};
use jiff::civil::Date;

use super::{Cell, Day, Histogram, Key, LegDay, NO_FLAGS, NO_PORT, NOT_HTTP, UNKNOWN, broader};
use crate::anonymize::suppress::{self, Cell as _};

/// Dimensions whose values are counted.
const COUNTED: [Dimension; 7] = [
    Dimension::Label,
    Dimension::Category,
    Dimension::Port,
    Dimension::SourceCountry,
    Dimension::DestinationCountry,
    Dimension::ContentType,
    Dimension::UserAgent,
];

/// Keys that are no values.
const NO_VALUES: [&str; 5] = [OTHER, UNKNOWN, NOT_HTTP, NO_PORT, NO_FLAGS];

impl suppress::Cell for LegDay {
    fn flows(&self) -> u64 {
        self.all().flows()
    }
    fn join(&mut self, other: Self) {
        for (key, cell) in other.cells {
            self.cells.entry(key).or_default().join(cell);
        }
        self.histograms.add(&other.histograms);
    }
}

impl Day {
    /// Its lines, without those of too few flows.
    pub(in crate::sink) fn lines(self, day: Date, level: Level) -> Vec<Line> {
        // Legs are the host's own doings: that some were few tells of nobody else.
        let legs = suppress::fold_small(self.legs, level.k(), &Leg::Other, |_| None);
        let mut lines = Vec::new();
        for (leg, counts) in legs {
            let told = Told { day, leg, level };
            told.lines(counts, &mut lines);
        }
        lines
    }
}

/// One leg's day as a level tells it.
struct Told {
    day: Date,
    leg: Leg,
    level: Level,
}

impl Told {
    fn lines(&self, counts: LegDay, lines: &mut Vec<Line>) {
        let mut by: BTreeMap<Dimension, BTreeMap<Key, Cell>> = BTreeMap::new();
        for (key, cell) in counts.cells {
            by.entry(key.by).or_default().insert(key, cell);
        }
        let table = by.remove(&Dimension::PortCountry).unwrap_or_default();
        let mut told = BTreeMap::new();
        for (dimension, cells) in by {
            if COUNTED.contains(&dimension) {
                lines.push(self.distinct(dimension, &cells));
            }
            told.insert(dimension, self.fold(dimension, cells));
        }
        for cells in told.values() {
            lines.extend(cells.iter().map(|(key, cell)| self.cell(key, cell)));
        }
        lines.extend(self.table(table, &told));
        let histograms = counts.histograms;
        for (dimension, histogram) in [
            (Dimension::Packets, &histograms.packets),
            (Dimension::Bytes, &histograms.bytes),
            (Dimension::DurationMs, &histograms.duration_ms),
        ] {
            self.histogram(dimension, histogram, lines);
        }
    }

    fn fold<C: suppress::Cell>(&self, by: Dimension, cells: BTreeMap<Key, C>) -> BTreeMap<Key, C> {
        let other = Key {
            by,
            key: OTHER.into(),
            country: None,
        };
        suppress::fold(cells, self.level.k(), &other, |key| {
            broader(key, self.level)
        })
    }

    fn cell(&self, key: &Key, cell: &Cell) -> Line {
        let (level, size) = (self.level, cell.size);
        Line::Day(DayCell {
            day: self.day,
            leg: self.leg,
            by: key.by,
            key: key.key.clone(),
            country: key.country,
            flows: signed(level.count(size.sum.flows)),
            failed: Some(level.count(cell.failed)),
            packets: Some(level.count(size.sum.packets)),
            bytes: Some(level.volume(size.sum.bytes)),
            duration_ms: Some(size.duration_ms),
        })
    }

    fn distinct(&self, by: Dimension, cells: &BTreeMap<Key, Cell>) -> Line {
        let k = self.level.k();
        let counts = |(key, cell): &(&Key, &Cell)| {
            cell.flows() >= k && !NO_VALUES.contains(&key.key.as_ref())
        };
        Line::Distinct(Distinct {
            day: self.day,
            leg: self.leg,
            by,
            values: cells.iter().filter(counts).count() as u64,
            at_least: k,
        })
    }

    /// Ports by country: rows and columns are what the two dimensions tell, and the rest of each
    /// row is told with the country `other`.
    fn table(
        &self,
        cells: BTreeMap<Key, Cell>,
        told: &BTreeMap<Dimension, BTreeMap<Key, Cell>>,
    ) -> Vec<Line> {
        let mut table: BTreeMap<(String, String), Cell> = BTreeMap::new();
        for (key, cell) in cells {
            let port = self.told_as(Dimension::Port, &key.key, told);
            let country = key.country.unwrap_or(Country::OTHER).to_string();
            let country = self.told_as(Dimension::DestinationCountry, &country, told);
            table.entry((port, country)).or_default().join(cell);
        }
        let flows = table.iter().map(|(key, cell)| (key.clone(), cell.flows()));
        let tellable = suppress::tellable(&flows.collect(), self.level.k());
        let mut rows: BTreeMap<(String, Country), Cell> = BTreeMap::new();
        for (key, cell) in table {
            let country = Country::try_from(key.1.clone()).unwrap_or(Country::OTHER);
            let country = if tellable.contains(&key) {
                country
            } else {
                Country::OTHER
            };
            rows.entry((key.0, country)).or_default().join(cell);
        }
        let lines = rows.into_iter().map(|((port, country), cell)| {
            let key = Key {
                by: Dimension::PortCountry,
                key: port.into(),
                country: Some(country),
            };
            self.cell(&key, &cell)
        });
        lines.collect()
    }

    /// The kind under which `key` is counted in the dimension's own cells.
    fn told_as(
        &self,
        by: Dimension,
        key: &str,
        told: &BTreeMap<Dimension, BTreeMap<Key, Cell>>,
    ) -> String {
        let mut key = Key {
            by,
            key: key.to_owned().into(),
            country: None,
        };
        let known = told.get(&by);
        while !known.is_some_and(|known| known.contains_key(&key)) {
            match broader(&key, self.level).filter(|to| *to != key) {
                Some(to) => key = to,
                None => return OTHER.to_owned(),
            }
        }
        key.key.into_owned()
    }

    fn histogram(&self, by: Dimension, histogram: &Histogram, lines: &mut Vec<Line>) {
        let cells = histogram.buckets().map(|(bound, flows)| {
            let key = Key {
                by,
                key: bound.to_string().into(),
                country: None,
            };
            (key, flows)
        });
        let cells: BTreeMap<Key, Flows> = cells.map(|(key, flows)| (key, Flows(flows))).collect();
        for (key, flows) in self.fold(by, cells) {
            lines.push(Line::Day(DayCell {
                day: self.day,
                leg: self.leg,
                by,
                key: key.key,
                country: None,
                flows: signed(self.level.count(flows.0)),
                failed: None,
                packets: None,
                bytes: None,
                duration_ms: None,
            }));
        }
    }
}

/// JSON's numbers of flows have a sign, for noise.
fn signed(flows: u64) -> i64 {
    i64::try_from(flows).unwrap_or(i64::MAX)
}

/// A number of flows.
#[derive(Default)]
struct Flows(u64);

impl suppress::Cell for Flows {
    fn flows(&self) -> u64 {
        self.0
    }
    fn join(&mut self, other: Self) {
        self.0 += other.0;
    }
}
