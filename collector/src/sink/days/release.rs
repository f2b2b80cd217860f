//! What may be told of days with noise: flows over lists of keys that are the same whatever was
//! metered, so that neither a key nor a line that is missing tells anything.
//!
//! Each flow is in one cell of each list: one day, leg and key. Counts of flows alone have a bound
//! that one flow keeps, so the cells tell no packets, bytes or durations. Ports by country and the
//! histograms of sizes are not told at all: nearly every cell of theirs would be noise.

use std::{borrow::Cow, collections::BTreeMap, num::NonZeroU8, ops::RangeInclusive};

use collector_common::schema::{
    Country, DayCell, Dimension, Leg, Level, Line, Method, OTHER, Outcome, Port, PortClass, Proxy,
    Transport,
};
use getrandom::rand_core::TryRng;

use super::{
    ALL, Day, Key, LegDay, NO_FLAGS, NO_PORT, NOT_HTTP, UNKNOWN, broader, country_key, date, name,
};
use crate::{
    anonymize::{
        noise::{KeyList, Noise, NoiseError},
        suppress::Cell as _,
    },
    inspect::{media, useragent, vocabulary},
};

/// Legs that a flow can have. They are told apart however few flows they have.
const LEGS: [Leg; 7] = [
    Leg::Exit,
    Leg::Or,
    Leg::Dir,
    Leg::Dns,
    Leg::Inbound,
    Leg::Local,
    Leg::Unknown,
];

/// A list of keys for each.
const DIMENSIONS: [Dimension; 16] = [
    Dimension::All,
    Dimension::Label,
    Dimension::Category,
    Dimension::Port,
    Dimension::SourceCountry,
    Dimension::DestinationCountry,
    Dimension::SourceProxy,
    Dimension::DestinationProxy,
    Dimension::ContentType,
    Dimension::UserAgent,
    Dimension::Hour,
    Dimension::Transport,
    Dimension::IpVersion,
    Dimension::Outcome,
    Dimension::Method,
    Dimension::Failed,
];

/// Key lists of a release, over which epsilon is split.
pub(in crate::sink) const LISTS: NonZeroU8 = NonZeroU8::new(DIMENSIONS.len() as u8).unwrap();

/// Protocols whose applications are listed; of others the protocol alone is.
const WITH_APPLICATIONS: [&str; 4] = ["DNS", "HTTP", "QUIC", "TLS"];

/// Counts of some days, with noise on each.
pub(in crate::sink) struct Released {
    first: i64,
    /// Of each list its counts, by day, then leg, then key.
    lists: Vec<(List, Vec<i64>)>,
}

impl Released {
    /// Of `days`, days since the epoch, whether anything was counted in them or not.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub(in crate::sink) fn of<R: TryRng>(
        days: RangeInclusive<i64>,
        counted: &BTreeMap<i64, Day>,
        noise: &mut Noise<R>,
    ) -> Result<Self, NoiseError> {
        let first = *days.start();
        let lists = DIMENSIONS.map(|by| {
            let list = List::of(by);
            let cells = KeyList::all(0..days.clone().count() * list.cells_of_a_day());
            let counted = counted.range(days.clone());
            let counts = counted.flat_map(|(day, counts)| list.counts(day - first, counts));
            let released = noise.release(&cells, counts)?;
            let counts = released.into_iter().map(|(_, count)| count).collect();
            Ok((list, counts))
        });
        let lists = lists.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { first, lists })
    }

    /// What is told of one of the days.
    pub(in crate::sink) fn lines(&self, day: i64) -> Vec<Line> {
        let place = usize::try_from(day - self.first).unwrap_or(usize::MAX);
        let of = |(list, counts): &(List, Vec<i64>)| -> Vec<Line> {
            let mut days = counts.chunks(list.cells_of_a_day());
            let counts = days.nth(place).unwrap_or_default();
            list.lines(day, counts).collect()
        };
        self.lists.iter().flat_map(of).collect()
    }
}

/// All keys of a dimension.
struct List {
    by: Dimension,
    /// Sorted.
    keys: Vec<Cow<'static, str>>,
}

impl List {
    fn of(by: Dimension) -> Self {
        let mut keys = keys(by);
        if !matches!(by, Dimension::All | Dimension::Failed) {
            keys.push(OTHER.into());
        }
        keys.sort_unstable();
        keys.dedup();
        Self { by, keys }
    }

    fn cells_of_a_day(&self) -> usize {
        LEGS.len() * self.keys.len()
    }

    /// Cells of one day with their flows; `place` is the day's in its period.
    fn counts(&self, place: i64, day: &Day) -> Vec<(usize, u64)> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let legs = day.legs.iter().flat_map(|(leg, counts)| {
            let leg = LEGS.iter().position(|listed| listed == leg);
            let leg = place * LEGS.len() + leg.unwrap_or(LEGS.len() - 1);
            let counts = self.counts_of_a_leg(counts).into_iter();
            counts.map(move |(key, flows)| (leg * self.keys.len() + key, flows))
        });
        legs.collect()
    }

    fn counts_of_a_leg(&self, counts: &LegDay) -> Vec<(usize, u64)> {
        if self.by == Dimension::Failed {
            let all = counts.all();
            let rest = all.flows().saturating_sub(all.failed);
            let flows = [("false", rest), ("true", all.failed)];
            return flows
                .map(|(key, flows)| (self.listed(key).unwrap_or_default(), flows))
                .into();
        }
        let cells = counts.cells.range(Key::first(self.by)..);
        cells
            .take_while(|(key, _)| key.by == self.by)
            .map(|(key, cell)| (self.place(key), cell.flows()))
            .collect()
    }

    /// Where a key is counted: under itself, else under something broader that is listed.
    fn place(&self, key: &Key) -> usize {
        let mut key = key.clone();
        loop {
            if let Some(place) = self.listed(&key.key) {
                return place;
            }
            match broader(&key, Level::Thesis).filter(|to| *to != key) {
                Some(to) => key = to,
                None => return self.listed(OTHER).unwrap_or_default(),
            }
        }
    }

    fn listed(&self, key: &str) -> Option<usize> {
        self.keys
            .binary_search_by(|listed| (**listed).cmp(key))
            .ok()
    }

    fn lines(&self, day: i64, counts: &[i64]) -> impl Iterator<Item = Line> {
        let cells = LEGS
            .iter()
            .flat_map(|leg| self.keys.iter().map(move |key| (*leg, key)));
        cells.zip(counts).map(move |((leg, key), flows)| {
            Line::Day(DayCell {
                day: date(day),
                leg,
                by: self.by,
                key: key.clone(),
                country: None,
                flows: *flows,
                failed: None,
                packets: None,
                bytes: None,
                duration_ms: None,
            })
        })
    }
}

/// The keys that a flow can have in a dimension, in any order.
fn keys(by: Dimension) -> Vec<Cow<'static, str>> {
    let words = |words: &[&'static str]| words.iter().map(|word| Cow::Borrowed(*word)).collect();
    match by {
        Dimension::All => words(&[ALL]),
        Dimension::Label => labels(),
        Dimension::Category => vocabulary::categories().map(Cow::Borrowed).collect(),
        Dimension::Port => ports(),
        Dimension::SourceCountry | Dimension::DestinationCountry => {
            Country::all().map(country_key).collect()
        }
        Dimension::SourceProxy | Dimension::DestinationProxy => proxies(),
        Dimension::ContentType => http(media::all()),
        Dimension::UserAgent => http(useragent::families()),
        Dimension::Hour => (0..24).map(|hour| format!("{hour:02}").into()).collect(),
        Dimension::Transport => transports(),
        Dimension::IpVersion => words(&["4", "6"]),
        Dimension::Outcome => {
            let all = [Outcome::Answered, Outcome::Refused, Outcome::NoAnswer];
            all.iter().map(name).collect()
        }
        Dimension::Method => methods(),
        Dimension::Failed => words(&["false", "true"]),
        Dimension::PortCountry | Dimension::Packets | Dimension::Bytes | Dimension::DurationMs => {
            Vec::new()
        }
    }
}

fn labels() -> Vec<Cow<'static, str>> {
    let protocols = vocabulary::names().map(Cow::Borrowed);
    let applications = WITH_APPLICATIONS.iter().flat_map(|protocol| {
        let names = vocabulary::names().filter(move |name| name != protocol);
        names.map(move |name| Cow::Owned(format!("{protocol}.{name}")))
    });
    protocols.chain(applications).collect()
}

fn ports() -> Vec<Cow<'static, str>> {
    let common = Port::common().iter().map(|port| port.to_string().into());
    let classes = [PortClass::Registered, PortClass::Dynamic].map(PortClass::as_str);
    let words = classes.into_iter().chain([NO_PORT]).map(Cow::Borrowed);
    common.chain(words).collect()
}

fn proxies() -> Vec<Cow<'static, str>> {
    let flags = [
        Proxy::None,
        Proxy::Anonymous,
        Proxy::Satellite,
        Proxy::Anycast,
    ];
    let flags = flags.iter().map(name);
    flags.chain([NO_FLAGS.into()]).collect()
}

fn http(told: impl Iterator<Item = &'static str>) -> Vec<Cow<'static, str>> {
    told.chain([UNKNOWN, NOT_HTTP]).map(Cow::Borrowed).collect()
}

fn transports() -> Vec<Cow<'static, str>> {
    let all = [
        Transport::Tcp,
        Transport::Udp,
        Transport::Icmp,
        Transport::Icmpv6,
        Transport::Sctp,
        Transport::Other,
    ];
    all.iter().map(name).collect()
}

fn methods() -> Vec<Cow<'static, str>> {
    let all = [
        Method::None,
        Method::Dpi,
        Method::Host,
        Method::Address,
        Method::Port,
    ];
    all.iter().map(name).collect()
}

#[cfg(test)]
mod tests;
