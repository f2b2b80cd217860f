//! Days: what a day's flows were, counted exactly until the day is over, then told.

use std::{borrow::Cow, collections::BTreeMap};

use collector_common::schema::{Country, Dimension, Label, Leg, Level, OTHER, Port, Start, Traits};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::entry::{Kind, Size};
use crate::{anonymize::suppress, inspect::useragent};

mod publish;
mod release;
mod state;

pub(super) use release::{LISTS, Released};
pub(super) use state::{Closing, State};

const DAY_MINUTES: i64 = 24 * 60;

/// Most cells of a day: a scan of all ports from everywhere must not fill the memory. What comes
/// beyond is counted as `other`.
const MAX_CELLS: usize = 200_000;

/// Day of a begin in minutes since the epoch, as days since the epoch.
pub(super) fn day_of(minutes: i64) -> i64 {
    minutes.div_euclid(DAY_MINUTES)
}

/// The date of a day since the epoch.
pub(super) fn date(day: i64) -> Date {
    let start = Start::from_minutes(day.saturating_mul(DAY_MINUTES));
    let start = jiff::Timestamp::from(start).to_zoned(jiff::tz::TimeZone::UTC);
    start.date()
}

/// The day that a date is, as days since the epoch.
pub(super) fn day_number(date: Date) -> i64 {
    const EPOCH: Date = jiff::civil::date(1970, 1, 1);
    date.duration_since(EPOCH).as_hours() / 24
}

/// How large records were: numbers of records by power of two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Histograms {
    packets: Histogram,
    bytes: Histogram,
    duration_ms: Histogram,
}

/// Index 0 counts zeros, index n numbers from 2^(n-1).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Histogram(Vec<u64>);

impl Histogram {
    fn count(&mut self, number: u64, times: u64) {
        let index = number.checked_ilog2().map_or(0, |log| log as usize + 1);
        if self.0.len() <= index {
            self.0.resize(index + 1, 0);
        }
        self.0[index] += times;
    }

    fn add(&mut self, other: &Self) {
        for (index, times) in other.0.iter().enumerate().filter(|(_, times)| **times > 0) {
            let number = index.checked_sub(1).map_or(0, |log| 1 << (log & 63));
            self.count(number, *times);
        }
    }

    /// Lower bounds with their numbers.
    fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.0.iter().enumerate().filter(|(_, times)| **times > 0);
        filled.map(|(index, times)| {
            (
                index.checked_sub(1).map_or(0, |log| 1 << (log & 63)),
                *times,
            )
        })
    }
}

impl Histograms {
    /// Counts one record.
    pub(super) fn count(&mut self, size: Size) {
        self.packets.count(size.sum.packets, 1);
        self.bytes.count(size.sum.bytes, 1);
        self.duration_ms.count(size.duration_ms, 1);
    }

    /// Adds `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.packets.add(&other.packets);
        self.bytes.add(&other.bytes);
        self.duration_ms.add(&other.duration_ms);
    }
}

/// Flows of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    #[serde(flatten)]
    size: Size,
    failed: u64,
}

impl suppress::Cell for Cell {
    fn flows(&self) -> u64 {
        self.size.sum.flows
    }
    fn join(&mut self, other: Self) {
        self.size.add(other.size);
        self.failed = self.failed.saturating_add(other.failed);
    }
}

/// What a cell counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Key {
    by: Dimension,
    key: Cow<'static, str>,
    country: Option<Country>,
}

impl Key {
    /// No key of the dimension is before it.
    fn first(by: Dimension) -> Self {
        Self {
            by,
            key: Cow::Borrowed(""),
            country: None,
        }
    }
}

/// Exact counts of one day.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Day {
    legs: BTreeMap<Leg, LegDay>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct LegDay {
    cells: BTreeMap<Key, Cell>,
    histograms: Histograms,
}

impl Day {
    /// Counts flows of `kind` that began `start` minutes after the epoch.
    pub(super) fn count(&mut self, kind: &Kind, start: i64, size: Size) {
        let failed = if kind.traits.failed {
            size.sum.flows
        } else {
            0
        };
        let cell = Cell { size, failed };
        let leg = self.legs.entry(kind.traits.leg).or_default();
        for key in keys(kind, start) {
            leg.count(key, cell);
        }
    }

    /// Flows of all legs.
    pub(super) fn flows(&self) -> u64 {
        self.legs.values().map(|leg| leg.all().size.sum.flows).sum()
    }

    /// Counts how large records of a leg were.
    pub(super) fn count_sizes(&mut self, leg: Leg, histograms: &Histograms) {
        self.legs.entry(leg).or_default().histograms.add(histograms);
    }
}

impl LegDay {
    /// Everything.
    fn all(&self) -> Cell {
        let key = Key {
            by: Dimension::All,
            key: ALL.into(),
            country: None,
        };
        self.cells.get(&key).copied().unwrap_or_default()
    }

    fn count(&mut self, mut key: Key, cell: Cell) {
        if self.cells.len() >= MAX_CELLS && !self.cells.contains_key(&key) {
            key.key = Cow::Borrowed(OTHER);
            key.country = key.country.map(|_| Country::OTHER);
        }
        suppress::Cell::join(self.cells.entry(key).or_default(), cell);
    }
}

/// In each dimension one key.
fn keys(kind: &Kind, start: i64) -> impl Iterator<Item = Key> {
    let traits = &kind.traits;
    let port = traits.destination_port.map_or(NO_PORT.into(), port_key);
    let hour = start.rem_euclid(DAY_MINUTES) / 60;
    let proxy = |proxy: Option<_>| proxy.map_or(Cow::Borrowed(NO_FLAGS), |proxy| name(&proxy));
    let keys: [(Dimension, Cow<'static, str>); 15] = [
        (Dimension::All, ALL.into()),
        (Dimension::Label, traits.label.to_string().into()),
        (Dimension::Category, traits.category.clone()),
        (Dimension::Port, port.clone()),
        (Dimension::SourceCountry, country_key(traits.source_country)),
        (
            Dimension::DestinationCountry,
            country_key(traits.destination_country),
        ),
        (Dimension::SourceProxy, proxy(traits.source_proxy)),
        (Dimension::DestinationProxy, proxy(traits.destination_proxy)),
        (
            Dimension::ContentType,
            http_key(traits, traits.content_type.as_ref()),
        ),
        (
            Dimension::UserAgent,
            http_key(traits, traits.user_agent.as_ref()),
        ),
        (Dimension::Hour, format!("{hour:02}").into()),
        (Dimension::Transport, name(&traits.transport)),
        (Dimension::IpVersion, traits.ip_version.to_string().into()),
        (Dimension::Outcome, name(&traits.outcome)),
        (Dimension::Method, name(&traits.method)),
    ];
    let single = keys.into_iter().map(|(by, key)| Key {
        by,
        key,
        country: None,
    });
    single.chain([Key {
        by: Dimension::PortCountry,
        key: port,
        country: Some(traits.destination_country),
    }])
}

/// Of flows that are not told apart.
const ALL: &str = "all";
/// Of transports without ports.
const NO_PORT: &str = "none";
/// Where the country data has no such flags.
const NO_FLAGS: &str = "none_known";
/// HTTP without the header.
const UNKNOWN: &str = "unknown";
/// Where there is no such header.
const NOT_HTTP: &str = "not_http";

fn http_key(traits: &Traits, told: Option<&Cow<'static, str>>) -> Cow<'static, str> {
    match told {
        Some(told) => told.clone(),
        None if traits.label.master == "HTTP" => UNKNOWN.into(),
        None => NOT_HTTP.into(),
    }
}

fn country_key(country: Country) -> Cow<'static, str> {
    country.to_string().into()
}

fn port_key(port: Port) -> Cow<'static, str> {
    match port {
        Port::Number(number) => number.to_string().into(),
        Port::Class(class) => class.as_str().into(),
    }
}

/// As the schema writes it.
pub(crate) fn name(value: &impl Serialize) -> Cow<'static, str> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name.into(),
        // Only enums without data come here.
        _ => OTHER.into(),
    }
}

/// What a kind of too few flows is told as; `None`: `other`.
fn broader(key: &Key, level: Level) -> Option<Key> {
    let to = |name: Cow<'static, str>| Key {
        key: name,
        ..key.clone()
    };
    match key.by {
        Dimension::Label => {
            let label = Label::from(key.key.clone().into_owned());
            label.app.as_ref()?;
            Some(to(label.master))
        }
        Dimension::Port => {
            let number = key.key.parse().ok()?;
            Some(to(Port::Number(number).class().as_str().into()))
        }
        Dimension::UserAgent if level == Level::Thesis => {
            Some(to(useragent::family(&key.key).into()))
        }
        Dimension::SourceCountry | Dimension::DestinationCountry if level.has_flows() => {
            let country = Country::try_from(key.key.clone().into_owned()).ok()?;
            Some(to(country_key(country.continent())))
        }
        _ => None,
    }
}
