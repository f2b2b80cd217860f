//! What the metrics page tells of traffic: counters that advance as files do.
//!
//! A counter that is read again and again tells what came between, so the k rule holds for each step
//! of a counter, not for its value: what is new is gathered for an hour (at level `thesis` a minute),
//! kinds of fewer than k flows become broader, and where all together are fewer they wait for the
//! next step.

use std::collections::BTreeMap;

use collector_common::schema::{Country, Level, OTHER, Sum};

use super::view::{By, View};
use crate::anonymize::suppress::{Cell, fold};

/// What is told apart on the page.
pub(super) const DIMENSIONS: [By; 3] = [By::Leg, By::Label, By::Country];

impl Cell for Sum {
    fn flows(&self) -> u64 {
        self.flows
    }
    fn join(&mut self, other: Self) {
        self.add(other);
    }
}

/// Counters of the page.
#[derive(Debug)]
pub struct Told {
    level: Level,
    /// Hour or minute, since the epoch, of the last look.
    step: Option<i64>,
    counters: BTreeMap<By, Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    /// Up to where the view's totals are in `told`.
    taken: BTreeMap<String, Sum>,
    told: BTreeMap<String, Sum>,
}

impl Told {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self {
            level,
            step: None,
            counters: BTreeMap::new(),
        }
    }

    /// It is `minute` since the epoch: where a step is over, its flows are told.
    pub fn look(&mut self, view: &View, minute: i64) {
        let step = self.level.minutes(minute);
        // A clock that is set back must not make two steps of one.
        if self.step.is_none_or(|last| step > last) && self.step.replace(step).is_some() {
            for by in DIMENSIONS {
                let counters = self.counters.entry(by).or_default();
                counters.advance(by, view.totals(by), self.level.k());
            }
        }
    }

    /// As the level tells numbers.
    pub(super) fn counters(&self, by: By) -> impl Iterator<Item = (&str, Sum)> {
        let counters = self.counters.get(&by).into_iter();
        counters
            .flat_map(|counters| &counters.told)
            .map(|(name, sum)| {
                let told = Sum {
                    flows: self.level.count(sum.flows),
                    packets: self.level.count(sum.packets),
                    bytes: self.level.volume(sum.bytes),
                };
                (name.as_str(), told)
            })
    }
}

impl Counters {
    fn advance(&mut self, by: By, totals: BTreeMap<String, Sum>, k: u64) {
        let new = totals.iter().filter_map(|(name, total)| {
            let taken = self.taken.get(name).copied().unwrap_or_default();
            let new = total.since(taken);
            (new.flows > 0).then(|| (name.clone(), new))
        });
        let new: BTreeMap<String, Sum> = new.collect();
        if new.values().map(|sum| sum.flows).sum::<u64>() < k {
            return;
        }
        for (name, sum) in fold(new, k, &OTHER.to_owned(), |name| broader(by, name)) {
            self.told.entry(name).or_default().add(sum);
        }
        self.taken = totals;
    }
}

/// A label's protocol, a country's continent.
fn broader(by: By, name: &str) -> Option<String> {
    match by {
        By::Label => Some(name.split_once('.')?.0.to_owned()),
        By::Country => {
            let country = Country::try_from(name.to_owned()).ok()?;
            Some(country.continent().to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use collector_common::schema::{Label, Leg, Traits};

    use super::{super::view::tests::record, *};

    fn count(view: &mut View, times: u64, change: impl Fn(&mut Traits)) {
        for _ in 0..times {
            view.count(&record(&change, 100));
        }
    }

    fn labelled(master: &'static str, app: Option<&'static str>) -> impl Fn(&mut Traits) {
        move |traits| {
            traits.label = Label {
                master: master.into(),
                app: app.map(Into::into),
            };
        }
    }

    fn flows(told: &Told, by: By) -> Vec<(String, u64)> {
        let counters = told.counters(by);
        counters
            .map(|(name, sum)| (name.to_owned(), sum.flows))
            .collect()
    }

    #[test]
    fn counters_stand_still_until_the_hour_is_over() {
        let (mut view, mut told) = (View::default(), Told::new(Level::Coarse));
        told.look(&view, 61);
        count(&mut view, 30, |traits| traits.leg = Leg::Exit);
        told.look(&view, 119);
        assert!(flows(&told, By::Leg).is_empty());
        told.look(&view, 120);
        assert_eq!(flows(&told, By::Leg), [("exit".to_owned(), 30)]);
    }

    #[test]
    fn no_step_of_a_counter_tells_fewer_than_k_flows() {
        let (mut view, mut told) = (View::default(), Told::new(Level::Coarse));
        told.look(&view, 0);
        count(&mut view, 50, labelled("TLS", Some("Google")));
        told.look(&view, 60);
        count(&mut view, 1, labelled("TLS", Some("Google")));
        count(&mut view, 40, labelled("SSH", None));
        count(&mut view, 25, labelled("TLS", Some("Netflix")));
        told.look(&view, 120);
        let expected = [("SSH", 40), ("TLS.Google", 50), ("other", 26)];
        assert_eq!(
            flows(&told, By::Label),
            expected.map(|(name, flows)| (name.to_owned(), flows)),
            "one TLS.Google joins what it could be told from by subtraction"
        );
    }

    #[test]
    fn a_quiet_hour_waits_for_the_next() {
        let (mut view, mut told) = (View::default(), Told::new(Level::Coarse));
        told.look(&view, 0);
        count(&mut view, 19, |_| {});
        told.look(&view, 60);
        assert!(flows(&told, By::Country).is_empty());
        count(&mut view, 1, |_| {});
        told.look(&view, 120);
        let all: u64 = flows(&told, By::Country)
            .iter()
            .map(|(_, flows)| flows)
            .sum();
        assert_eq!(all, 20);
    }

    #[test]
    fn thesis_tells_by_the_minute_and_aggregate_rounds_up() {
        let mut view = View::default();
        let mut thesis = Told::new(Level::Thesis);
        let mut aggregate = Told::new(Level::Aggregate);
        thesis.look(&view, 0);
        aggregate.look(&view, 0);
        count(&mut view, 21, |traits| traits.leg = Leg::Exit);
        thesis.look(&view, 1);
        aggregate.look(&view, 1);
        assert_eq!(flows(&thesis, By::Leg), [("exit".to_owned(), 21)]);
        assert!(flows(&aggregate, By::Leg).is_empty());
        aggregate.look(&view, 60);
        assert_eq!(flows(&aggregate, By::Leg), [("exit".to_owned(), 24)]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_step() {
        let (mut view, mut told) = (View::default(), Told::new(Level::Coarse));
        told.look(&view, 600);
        count(&mut view, 30, |_| {});
        told.look(&view, 60);
        assert!(flows(&told, By::Leg).is_empty());
        told.look(&view, 660);
        assert!(!flows(&told, By::Leg).is_empty());
    }
}
