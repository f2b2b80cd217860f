//! From a flow that ended to its record, and from the record to what may be published.

use collector_common::{event::SampleHeader, expiry::End, flow::Flow, schema::Level, wire::Tally};

use super::{SampleLimits, WallClock, samples::Inspectors};
use crate::{
    anonymize::{agent::Agents, anonymize},
    inspect::{Method, systems::by_system},
    locate::{Places, Surroundings},
    record::Record,
    sink::entry::Entered,
};

/// Knows what the payload of the flows under way says, and where addresses are.
pub struct Recorder {
    samples: Inspectors,
    surroundings: Surroundings,
    agents: Agents,
}

impl Recorder {
    /// Nothing is known yet at `now`, nanoseconds since boot.
    #[must_use]
    pub fn new(limits: SampleLimits, surroundings: Surroundings, now: u64) -> Self {
        Self {
            samples: Inspectors::new(limits, now),
            surroundings,
            agents: Agents::default(),
        }
    }

    /// Takes a payload sample; `bytes` may be longer than what was taken. False where no more of
    /// this flow is wanted.
    pub fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        self.samples.of(header.id).add(header, bytes)
    }

    /// The record of `flow` that is due: `counts` is what it adds, opener first. After
    /// [`End::Active`] the flow goes on and keeps its label.
    pub fn record(&mut self, flow: &Flow, counts: [Tally; 2], end: End) -> Record {
        let mut samples = self.samples.of(flow.entry.id);
        let (mut inspection, sample) = samples.inspection(flow, end == End::Active);
        drop(samples);
        if inspection.method == Method::None {
            let system = self.surroundings.system(flow);
            inspection = system.and_then(by_system).unwrap_or(inspection);
        }
        Record {
            flow: *flow,
            counts,
            end,
            inspection,
            sample,
        }
    }

    /// Where the ends of the record's flow are.
    #[must_use]
    pub fn places(&self, record: &Record) -> Places {
        self.surroundings.places(&record.flow)
    }

    /// `record`, whose ends are at `places`, as the spool takes it at `level`.
    #[must_use]
    pub fn publish(
        &mut self,
        record: &Record,
        places: &Places,
        level: Level,
        clock: WallClock,
    ) -> Entered {
        let minutes = clock
            .utc(record.flow.entry.since)
            .as_second()
            .div_euclid(60);
        anonymize(record, places, level, minutes, &mut self.agents)
    }

    /// From now on, this is known of addresses.
    pub fn set_surroundings(&mut self, surroundings: Surroundings) {
        self.surroundings = surroundings;
    }

    /// Forgets samples of flows that nobody ended.
    pub fn forget(&mut self, now: u64) {
        self.samples.forget(now);
    }

    /// Who inspects the samples, for threads that do so beside this one.
    #[must_use]
    pub fn inspectors(&self) -> &Inspectors {
        &self.samples
    }

    /// Samples that were not looked at because too many flows were undecided.
    #[must_use]
    pub fn samples_shed(&self) -> u64 {
        self.samples.shed()
    }
}
