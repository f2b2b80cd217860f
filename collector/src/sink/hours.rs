//! Statistics: exact sums by hour and leg, and by relay.

use std::collections::{BTreeMap, BTreeSet};

use collector_common::schema::{
    Country, FailedCell, Hour, Leg, Line, Nickname, Outcome, PortClass, RelayStatistics, Start,
    Statistics, Sum, Transport,
};
use serde::{Deserialize, Serialize};

use super::entry::{Kind, Size};

/// What failed flows are told apart by.
type FailedKind = (Transport, Outcome, Option<PortClass>);

/// Sums of one hour and leg.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hourly {
    all: Sum,
    failed: Sum,
    /// By [`Outcome`], in its order.
    outcomes: [Sum; 3],
    guessed: u64,
    duration_ms: u64,
    sources: BTreeSet<Country>,
    destinations: BTreeSet<Country>,
    cells: Vec<(FailedKind, Sum)>,
}

impl Hourly {
    fn count(&mut self, kind: &Kind, size: Size) {
        let traits = &kind.traits;
        self.all.add(size.sum);
        self.outcomes[traits.outcome as usize].add(size.sum);
        if traits.failed {
            self.failed.add(size.sum);
            let class = traits.destination_port.map(|port| port.class());
            self.count_failed((traits.transport, traits.outcome, class), size.sum);
        }
        if traits.guessed {
            self.guessed += size.sum.flows;
        }
        self.duration_ms = self.duration_ms.saturating_add(size.duration_ms);
        self.sources.insert(traits.source_country);
        self.destinations.insert(traits.destination_country);
    }

    fn count_failed(&mut self, key: FailedKind, sum: Sum) {
        match self.cells.iter_mut().find(|(known, _)| *known == key) {
            Some((_, cell)) => cell.add(sum),
            None => self.cells.push((key, sum)),
        }
    }

    fn add(&mut self, other: Self) {
        self.all.add(other.all);
        self.failed.add(other.failed);
        for (to, from) in self.outcomes.iter_mut().zip(other.outcomes) {
            to.add(from);
        }
        self.guessed = self.guessed.saturating_add(other.guessed);
        self.duration_ms = self.duration_ms.saturating_add(other.duration_ms);
        self.sources.extend(other.sources);
        self.destinations.extend(other.destinations);
        for (key, sum) in other.cells {
            self.count_failed(key, sum);
        }
    }

    fn statistics(&self, hour: Hour, leg: Leg) -> Statistics {
        let [answered, refused, no_answer] = self.outcomes;
        Statistics {
            hour,
            leg,
            all: self.all,
            failed: self.failed,
            answered,
            refused,
            no_answer,
            guessed: self.guessed,
            duration_ms: self.duration_ms,
            mean_duration_ms: self.duration_ms / self.all.flows.max(1),
            source_countries: self.sources.len() as u64,
            destination_countries: self.destinations.len() as u64,
        }
    }

    /// Its failed flows by kind; kinds of fewer than `k` are told together.
    fn failed_cells(&self, hour: Hour, leg: Leg, k: u64) -> Vec<FailedCell> {
        let (told, few): (Vec<_>, Vec<_>) = self
            .cells
            .iter()
            .copied()
            .partition(|(_, sum)| sum.flows >= k);
        let mut rest = Sum::default();
        few.iter().for_each(|(_, sum)| rest.add(*sum));
        let cell = |key: Option<FailedKind>, sum: Sum| FailedCell {
            hour,
            leg,
            transport: key.map(|(transport, ..)| transport),
            outcome: key.map(|(_, outcome, _)| outcome),
            port_class: key.and_then(|(.., class)| class),
            flows: sum.flows,
            packets: sum.packets,
            bytes: sum.bytes,
        };
        let rest = (rest.flows > 0).then(|| cell(None, rest));
        let told = told.into_iter().map(|(key, sum)| cell(Some(key), sum));
        told.chain(rest).collect()
    }
}

/// Whose sums: of a leg, or of one relay in it.
type Whose = (Leg, Option<Nickname>);

/// Sums of several hours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hours(BTreeMap<Hour, BTreeMap<Whose, Hourly>>);

/// What too few flows had in the last hour of a file: it belongs to the next file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Carried(Vec<(Whose, Hourly)>);

impl Carried {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Hours {
    /// Counts flows of `kind` that began `start` minutes after the epoch.
    pub(super) fn count(&mut self, kind: &Kind, start: i64, size: Size) {
        let hour = self.0.entry(Start::from_minutes(start).hour()).or_default();
        let leg = kind.traits.leg;
        hour.entry((leg, None)).or_default().count(kind, size);
        if kind.relay.is_some() {
            hour.entry((leg, kind.relay)).or_default().count(kind, size);
        }
    }

    /// First and last hour.
    pub(super) fn span(&self) -> Option<(Hour, Hour)> {
        let first = self.0.first_key_value()?.0;
        Some((*first, *self.0.last_key_value()?.0))
    }

    /// Carries what has fewer than `k` flows into the next hour, beginning with what the file
    /// before left; gives what is left at the end.
    pub(super) fn carry(&mut self, before: Carried, k: u64) -> Carried {
        let mut carried: BTreeMap<Whose, Hourly> = before.0.into_iter().collect();
        for hour in self.0.values_mut() {
            for (whose, hourly) in std::mem::take(&mut carried) {
                hour.entry(whose).or_default().add(hourly);
            }
            let few = |hourly: &Hourly| hourly.all.flows < k;
            // Where one relay is not told, none of its leg is: the rest would tell it.
            let hidden: BTreeSet<Leg> = hour
                .iter()
                .filter(|((_, relay), hourly)| relay.is_some() && few(hourly))
                .map(|((leg, _), _)| *leg)
                .collect();
            carried = hour
                .extract_if(.., |(leg, relay), hourly| {
                    few(hourly) || (relay.is_some() && hidden.contains(leg))
                })
                .collect();
        }
        Carried(carried.into_iter().collect())
    }

    /// Takes in what is left when no file follows: as the leg `other` of the last hour.
    pub(super) fn settle(&mut self, left: Carried, now: Hour) {
        let hour = self.span().map_or(now, |(_, last)| last);
        for ((_, relay), hourly) in left.0 {
            // A relay's flows are in its leg's, too.
            if relay.is_none() {
                let hour = self.0.entry(hour).or_default();
                hour.entry((Leg::Other, None)).or_default().add(hourly);
            }
        }
    }

    /// Its lines; of failed flows, kinds of fewer than `k` are told together.
    pub(super) fn lines(&self, k: u64) -> Vec<Line> {
        let mut lines = Vec::new();
        for (hour, sums) in &self.0 {
            for ((leg, relay), hourly) in sums {
                let statistics = hourly.statistics(*hour, *leg);
                match relay {
                    Some(relay) => lines.push(Line::RelayStatistics(RelayStatistics {
                        relay: *relay,
                        statistics,
                    })),
                    None => {
                        let failed = hourly.failed_cells(*hour, *leg, k);
                        lines.extend(failed.into_iter().map(Line::Failed));
                        lines.push(Line::Statistics(statistics));
                    }
                }
            }
        }
        lines
    }
}
