//! From a flow that ended to its record, and from the record to what may be published.

use std::sync::Arc;

use collector_common::{
    event::SampleHeader,
    expiry::End,
    flow::Flow,
    schema::{Hour, PublicRecord},
    wire::Tally,
};

use super::{SampleLimits, WallClock, samples::Samples};
use crate::{
    anonymize::anonymize,
    inspect::{Method, systems::by_system},
    locate::{self, Places, asn::Systems, geoip::Countries},
    record::Record,
};

/// Knows what the payload of the flows under way says, and where addresses are.
pub struct Recorder {
    samples: Samples,
    countries: Arc<Countries>,
    systems: Arc<Systems>,
}

impl Recorder {
    /// Nothing is known yet at `now`, nanoseconds since boot.
    #[must_use]
    pub fn new(
        limits: SampleLimits,
        countries: Arc<Countries>,
        systems: Arc<Systems>,
        now: u64,
    ) -> Self {
        Self {
            samples: Samples::new(limits, now),
            countries,
            systems,
        }
    }

    /// Takes a payload sample; `bytes` may be longer than what was taken. False where no more of
    /// this flow is wanted.
    pub fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) -> bool {
        self.samples.add(header, bytes)
    }

    /// The record of `flow` that is due: `counts` is what it adds, opener first. After
    /// [`End::Active`] the flow goes on and keeps its label.
    pub fn record(&mut self, flow: &Flow, counts: [Tally; 2], end: End) -> Record {
        let mut inspection = self.samples.inspection(flow, end == End::Active);
        if inspection.method == Method::None {
            let system = locate::system(flow, &self.systems);
            inspection = system.and_then(by_system).unwrap_or(inspection);
        }
        Record {
            flow: *flow,
            counts,
            end,
            inspection,
        }
    }

    /// Where the ends of the record's flow are.
    #[must_use]
    pub fn places(&self, record: &Record) -> Places {
        locate::places(&record.flow, &self.countries)
    }

    /// What may be published of `record`.
    #[must_use]
    pub fn publish(&self, record: &Record, clock: WallClock) -> PublicRecord {
        let hour = Hour::of(clock.utc(record.flow.entry.since));
        anonymize(record, &self.places(record), hour)
    }

    /// Forgets samples of flows that nobody ended.
    pub fn forget(&mut self, now: u64) {
        self.samples.forget(now);
    }

    /// Samples that were not looked at because too many flows were undecided.
    #[must_use]
    pub fn samples_shed(&self) -> u64 {
        self.samples.shed()
    }
}
