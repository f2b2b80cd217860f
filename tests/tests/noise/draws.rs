//! Many draws, and what may be said of the distribution they come from.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use crate::binomial;

/// Chance that a test refuses what is right, over all its questions.
const FALSE_ALARM: f64 = 1e-9;

/// What a draw may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// This.
    Is(i64),
    /// This or less.
    AtMost(i64),
    /// This or more.
    AtLeast(i64),
}

impl Event {
    /// Its chance under discrete Laplace noise of this scale.
    pub(crate) fn chance(self, scale: f64) -> f64 {
        let q = (-1.0 / scale).exp();
        // Of `from` or more, for what is above 0.
        let tail = |from: i64| q.powf(from as f64) / (1.0 + q);
        match self {
            Self::Is(number) => (1.0 - q) / (1.0 + q) * q.powf(number.abs() as f64),
            Self::AtLeast(number) if number > 0 => tail(number),
            Self::AtLeast(number) => 1.0 - tail(1 - number),
            Self::AtMost(number) if number < 0 => tail(-number),
            Self::AtMost(number) => 1.0 - tail(1 + number),
        }
    }
}

/// How often each number was drawn.
#[derive(Default)]
pub(crate) struct Draws {
    counts: BTreeMap<i64, u64>,
    total: u64,
}

impl FromIterator<i64> for Draws {
    fn from_iter<I: IntoIterator<Item = i64>>(draws: I) -> Self {
        let mut all = Self::default();
        for number in draws {
            *all.counts.entry(number).or_default() += 1;
            all.total += 1;
        }
        all
    }
}

impl Draws {
    /// Whether they come from discrete Laplace noise of this scale: no event may have happened so
    /// often or so rarely that its exact binomial chance is below what is left to it.
    pub(crate) fn follow(&self, scale: f64) -> Result<()> {
        let events = events(&[self]);
        let alpha = FALSE_ALARM / (2 * events.len()) as f64;
        for event in events {
            let (hits, chance) = (self.hits(event), event.chance(scale));
            let rare = binomial::at_most(hits, self.total, chance);
            let often = binomial::at_least(hits, self.total, chance);
            ensure!(
                rare.min(often) > alpha,
                "{event:?} is {hits} of {}, its chance {chance}",
                self.total
            );
        }
        Ok(())
    }

    /// Whether no event can be shown to be more than `factor` times as probable here as in
    /// `other`, by exact bounds on both chances.
    pub(crate) fn within(&self, factor: f64, other: &Self) -> Result<()> {
        let events = events(&[self, other]);
        let alpha = FALSE_ALARM / (2 * events.len()) as f64;
        for event in events {
            let (here, there) = (self.hits(event), other.hits(event));
            let (low, _) = binomial::bounds(here, self.total, alpha);
            let (_, high) = binomial::bounds(there, other.total, alpha);
            ensure!(
                low <= factor * high,
                "{event:?} is {here} of {}, but {there} of {}",
                self.total,
                other.total
            );
        }
        Ok(())
    }

    fn hits(&self, event: Event) -> u64 {
        match event {
            Event::Is(number) => self.counts.get(&number).copied().unwrap_or_default(),
            Event::AtMost(number) => self.counts.range(..=number).map(|cell| cell.1).sum(),
            Event::AtLeast(number) => self.counts.range(number..).map(|cell| cell.1).sum(),
        }
    }
}

/// All that can be asked of numbers that were drawn.
fn events(all: &[&Draws]) -> Vec<Event> {
    let least = all.iter().filter_map(|draws| draws.counts.keys().next());
    let most = all
        .iter()
        .filter_map(|draws| draws.counts.keys().next_back());
    let (Some(least), Some(most)) = (least.min(), most.max()) else {
        return Vec::new();
    };
    let of = |number| {
        [
            Event::Is(number),
            Event::AtMost(number),
            Event::AtLeast(number),
        ]
    };
    (*least..=*most).flat_map(of).collect()
}

#[test]
fn the_chances_of_all_numbers_are_one() {
    for scale in [0.1, 1.0, 10.0 / 3.0] {
        let sum: f64 = (-500..=500)
            .map(|number| Event::Is(number).chance(scale))
            .sum();
        assert!((sum - 1.0).abs() < 1e-12, "{scale}: {sum}");
        for number in -5..5 {
            let below = Event::AtMost(number).chance(scale);
            let above = Event::AtLeast(number + 1).chance(scale);
            assert!((below + above - 1.0).abs() < 1e-12, "{scale} {number}");
            let step = Event::AtMost(number + 1).chance(scale) - below;
            assert!((step - Event::Is(number + 1).chance(scale)).abs() < 1e-12);
        }
    }
}
