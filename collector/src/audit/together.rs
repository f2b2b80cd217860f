//! What shows in several lines only: how many flows share a value, and their order.

use std::{collections::HashMap, hash::Hash, mem};

use collector_common::schema::{
    Country, DayCell, Dimension, Label, Leg, Level, Line, OTHER, PublicRecord,
};
use jiff::civil::Date;

use super::{Found, What, rules::Rules, words};

/// Different user agents that are counted, more than a file has that k flows share.
const MOST_AGENTS: usize = 1 << 16;

/// The lines of a file, or of a part that begins with a header.
#[derive(Default)]
pub(super) struct Together {
    k: u64,
    labels: Counts<Label>,
    sources: Counts<Country>,
    destinations: Counts<Country>,
    agents: Counts<String>,
    last: Last,
    /// Of the day and leg that was met last, whether all its flows together are enough.
    day: Option<(Date, Leg, bool)>,
}

/// By value, the line that has it first, and how many have it.
struct Counts<T>(HashMap<T, (u64, u64)>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Hash + Eq> Counts<T> {
    fn count(&mut self, value: T, line: u64) {
        self.0.entry(value).or_insert((line, 0)).1 += 1;
    }

    /// Tells values of fewer than `k`, and forgets all.
    fn finish(&mut self, field: &'static str, k: u64, found: &mut Found) {
        let counts = mem::take(&mut self.0).into_values();
        let few = counts.filter(|(_, flows)| *flows < k);
        let mut lines: Vec<u64> = few.map(|(line, _)| line).collect();
        lines.sort_unstable();
        for line in lines {
            found.fault_at(line, field, What::TooFew);
        }
    }
}

/// The flow before: by these flows are sorted.
#[derive(Default)]
struct Last {
    /// Begin and kind, as written.
    text: String,
    numbers: [u64; 3],
}

impl Together {
    /// Takes up a line.
    pub(super) fn line(&mut self, line: &Line, text: &str, rules: &Rules, found: &mut Found) {
        self.k = rules.k;
        match line {
            Line::Flow(flow) => {
                self.order(flow, text, found);
                self.flow(flow, rules, found);
            }
            Line::Day(cell) if !rules.noisy => self.cell(cell, found),
            _ => {}
        }
    }

    /// Ends the part.
    pub(super) fn finish(&mut self, found: &mut Found) {
        let k = self.k;
        self.labels.finish("label", k, found);
        self.sources.finish("source_country", k, found);
        self.destinations.finish("destination_country", k, found);
        self.agents.finish("user_agent", k, found);
        *self = Self::default();
    }

    fn order(&mut self, flow: &PublicRecord, text: &str, found: &mut Found) {
        let (kind, _) = text.rsplit_once(r#","packets":"#).unwrap_or((text, ""));
        let numbers = [flow.packets, flow.bytes, flow.duration_ms];
        let before = (self.last.text.as_str(), self.last.numbers);
        found.unless(before <= (kind, numbers), "line", What::Unsorted);
        if self.last.text != kind {
            self.last.text.clear();
            self.last.text.push_str(kind);
        }
        self.last.numbers = numbers;
    }

    /// What has something broader, and would be told as that if too few flows had it. At level
    /// thesis that is the user agent alone. Values that are in no list have been told already.
    fn flow(&mut self, flow: &PublicRecord, rules: &Rules, found: &mut Found) {
        let (traits, line) = (&flow.traits, found.line);
        if rules.level == Level::Thesis {
            if let Some(agent) = &traits.user_agent {
                self.agent(agent, found);
            }
            return;
        }
        if traits.label.app.is_some() && words::label(&traits.label).is_none() {
            self.labels.count(traits.label.clone(), line);
        }
        let ends = [
            (&mut self.sources, traits.source_country),
            (&mut self.destinations, traits.destination_country),
        ];
        for (counts, country) in ends {
            if country.continent() != country {
                counts.count(country, line);
            }
        }
    }

    fn agent(&mut self, agent: &str, found: &mut Found) {
        if words::is_family(agent) {
            return;
        }
        let known = self.agents.0.contains_key(agent);
        if known || self.agents.0.len() < MOST_AGENTS {
            self.agents.count(agent.to_owned(), found.line);
        } else {
            found.fault("user_agent", What::TooFew);
        }
    }

    /// A cell of fewer than k flows is `other`, and all that there is of a leg `other`. The cell of
    /// all comes first of a leg's.
    fn cell(&mut self, cell: &DayCell, found: &mut Found) {
        let enough = u64::try_from(cell.flows).is_ok_and(|flows| flows >= self.k);
        if cell.by == Dimension::All {
            self.day = Some((cell.day, cell.leg, enough));
        }
        let few = (cell.day, cell.leg, false);
        let alone = cell.leg == Leg::Other && cell.key == OTHER && self.day == Some(few);
        found.unless(enough || alone, "flows", What::TooFew);
    }
}
