//! Scans, floods and concentration: what many flows of one minute show together, found in memory of
//! fixed size, by hashes of addresses that nobody can turn back.
//!
//! Which flows make an anomaly is in `kinds`; docs/anomalies.md tells it to operators.

mod distinct;
mod heavy;
mod kinds;
mod sighting;
mod windows;

use std::collections::BTreeMap;

use collector_common::schema::{Anomaly, AnomalyTraits, Hour};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

pub use sighting::Sighting;

use crate::pipeline::WallClock;
use windows::{Finding, Window};

/// Length of a window, nanoseconds.
pub const WINDOW: u64 = 60_000_000_000;

/// Anomalies of one kind that go on, for the operator's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ongoing {
    /// What they are.
    #[serde(flatten)]
    pub traits: AnomalyTraits,
    /// How many: one for each source, pair, destination or peer.
    pub number: u64,
    /// Flows of the last full minute.
    pub flows: u64,
    /// Wire packets of these.
    pub packets: u64,
    /// Since the first of them began.
    pub seconds: u64,
}

/// Counts of one kind, of one window.
#[derive(Clone, Copy, Default)]
struct Counts {
    starts: u64,
    number: u64,
    flows: u64,
    packets: u64,
}

/// One kind that goes on.
struct Incident {
    /// Begin of its first window.
    since: u64,
    last: Counts,
}

/// Finds anomalies. Time is an argument: whatever clock drives the pipeline, nanoseconds.
pub struct Detector {
    window: Window,
    /// Number of the window that is being filled.
    number: Option<u64>,
    /// Keys of what was found in the window before, ascending.
    before: Vec<u64>,
    incidents: BTreeMap<AnomalyTraits, Incident>,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            window: Window::new(),
            number: None,
            before: Vec::new(),
            incidents: BTreeMap::new(),
        }
    }
}

impl Detector {
    /// It is `now`. Gives what the window had that is over, if one is; windows in which nothing came
    /// end what went on.
    pub fn advance(&mut self, now: u64, clock: WallClock) -> Vec<Anomaly> {
        let next = now / WINDOW;
        let Some(number) = self.number.filter(|number| *number < next) else {
            self.number.get_or_insert(next);
            return Vec::new();
        };
        let found = self.end_window(number, clock);
        if number + 1 < next {
            self.end_window(number + 1, clock);
        }
        self.number = Some(next);
        found
    }

    /// Takes an opening.
    pub fn see(&mut self, sighting: &Sighting) {
        self.window.add(sighting);
    }

    /// Nothing follows: gives what the last window has so far.
    pub fn finish(&mut self, clock: WallClock) -> Vec<Anomaly> {
        let number = self.number.take();
        number.map_or_else(Vec::new, |number| self.end_window(number, clock))
    }

    /// What goes on at `now`.
    #[must_use]
    pub fn ongoing(&self, now: u64) -> Vec<Ongoing> {
        let incidents = self.incidents.iter();
        incidents
            .map(|(traits, incident)| Ongoing {
                traits: *traits,
                number: incident.last.number,
                flows: incident.last.flows,
                packets: incident.last.packets,
                seconds: now.saturating_sub(incident.since) / 1_000_000_000,
            })
            .collect()
    }

    fn end_window(&mut self, number: u64, clock: WallClock) -> Vec<Anomaly> {
        let found = self.window.take();
        let begin = number.saturating_mul(WINDOW);
        let counts = self.count(&found);
        self.before = found.iter().map(|finding| finding.key).collect();
        self.before.sort_unstable();
        self.follow(&counts, begin);
        let hour = Hour::of(clock.utc(begin));
        let lines = counts.into_iter().map(|(traits, counts)| Anomaly {
            hour,
            traits,
            starts: counts.starts,
            flows: counts.flows,
            packets: counts.packets,
        });
        lines.collect()
    }

    fn count(&self, found: &[Finding]) -> BTreeMap<AnomalyTraits, Counts> {
        let mut counts: BTreeMap<AnomalyTraits, Counts> = BTreeMap::new();
        for finding in found {
            let sum = counts.entry(finding.traits).or_default();
            sum.starts += u64::from(self.before.binary_search(&finding.key).is_err());
            sum.number += 1;
            sum.flows = sum.flows.saturating_add(finding.flows);
            sum.packets = sum.packets.saturating_add(finding.packets);
        }
        counts
    }

    /// What begins and ends is told once each.
    fn follow(&mut self, counts: &BTreeMap<AnomalyTraits, Counts>, begin: u64) {
        self.incidents.retain(|traits, incident| {
            let goes_on = counts.contains_key(traits);
            if !goes_on {
                let minutes = begin.saturating_sub(incident.since) / WINDOW;
                info!(minutes, "anomaly over: {traits}");
            }
            goes_on
        });
        for (traits, counts) in counts {
            let incident = self.incidents.entry(*traits).or_insert_with(|| {
                let (flows, packets) = (counts.flows, counts.packets);
                warn!(flows, packets, "anomaly: {traits} (see docs/anomalies.md)");
                Incident {
                    since: begin,
                    last: Counts::default(),
                }
            });
            incident.last = *counts;
        }
    }
}

#[cfg(test)]
mod tests;
