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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::tests::record;

    const K: u64 = 20;
    const HOUR: i64 = 60;

    fn kind(leg: Leg, relay: Option<&str>) -> Kind {
        let mut kind = record(false).kind;
        kind.traits.leg = leg;
        kind.relay = relay.map(|name| name.parse().unwrap());
        kind
    }

    fn flows(flows: u64) -> Size {
        let sum = Sum {
            flows,
            packets: 10 * flows,
            bytes: 100 * flows,
        };
        Size {
            sum,
            duration_ms: 7 * flows,
        }
    }

    /// Leg, relay and flows of each line, in order.
    fn told(hours: &Hours) -> Vec<(String, Leg, Option<String>, u64)> {
        let lines = hours.lines(K).into_iter();
        lines
            .filter_map(|line| {
                let (relay, line) = match line {
                    Line::Statistics(line) => (None, line),
                    Line::RelayStatistics(line) => (Some(line.relay.to_string()), line.statistics),
                    _ => return None,
                };
                let hour = line.hour.start().strftime("%H").to_string();
                Some((hour, line.leg, relay, line.all.flows))
            })
            .collect()
    }

    #[test]
    fn a_legs_hour_of_few_flows_is_in_its_next_line_and_the_last_goes_to_the_next_file() {
        let mut hours = Hours::default();
        for (hour, count) in [(0, 30), (1, 5), (2, 25), (3, 4)] {
            hours.count(&kind(Leg::Exit, None), hour * HOUR, flows(count));
        }
        let left = hours.carry(Carried::default(), K);
        let line = |hour: &str, flows| (hour.to_owned(), Leg::Exit, None, flows);
        assert_eq!(told(&hours), [line("00", 30), line("02", 30)]);
        let mut next = Hours::default();
        next.count(&kind(Leg::Exit, None), 4 * HOUR, flows(16));
        assert!(next.carry(left, K).is_empty());
        assert_eq!(told(&next), [line("04", 20)]);
    }

    #[test]
    fn what_is_left_at_the_end_is_of_another_leg_so_that_sums_agree() {
        let mut hours = Hours::default();
        hours.count(&kind(Leg::Exit, None), 0, flows(40));
        hours.count(&kind(Leg::Dns, None), 0, flows(3));
        hours.count(&kind(Leg::Local, None), 0, flows(2));
        let left = hours.carry(Carried::default(), K);
        hours.settle(left, Start::from_minutes(0).hour());
        let line = |leg, flows| ("00".to_owned(), leg, None, flows);
        assert_eq!(told(&hours), [line(Leg::Exit, 40), line(Leg::Other, 5)]);
    }

    #[test]
    fn relays_are_told_each_and_in_sum_and_none_where_one_has_too_few() {
        let mut hours = Hours::default();
        for (hour, relay, count) in [(0, "a", 30), (0, "b", 50), (1, "a", 3), (1, "b", 60)] {
            let kind = kind(Leg::Exit, Some(relay));
            hours.count(&kind, hour * HOUR, flows(count));
        }
        assert!(!hours.carry(Carried::default(), K).is_empty());
        let line = |hour: &str, relay: Option<&str>, flows| {
            (hour.to_owned(), Leg::Exit, relay.map(str::to_owned), flows)
        };
        assert_eq!(
            told(&hours),
            [
                line("00", None, 80),
                line("00", Some("a"), 30),
                line("00", Some("b"), 50),
                line("01", None, 63),
            ]
        );
    }

    #[test]
    fn a_line_tells_means_guesses_and_countries() {
        let mut hours = Hours::default();
        let mut guess = kind(Leg::Exit, None);
        guess.traits.guessed = true;
        hours.count(&kind(Leg::Exit, None), 0, flows(30));
        hours.count(&guess, 0, flows(10));
        let Some(Line::Statistics(line)) = hours.lines(K).pop() else {
            panic!("a line");
        };
        assert_eq!((line.guessed, line.mean_duration_ms), (10, 7));
        assert_eq!((line.source_countries, line.destination_countries), (1, 1));
    }
}
