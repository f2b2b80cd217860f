//! The way of a flow: its samples to `inspect`, then `locate`, `anonymize` and the `sink`.
//!
//! Synchronous; time is an argument.

use collector_common::{event::SampleHeader, expiry::End, flow::Flow, schema::Header, wire::Tally};
use jiff::Timestamp;

use crate::{
    anomalies::{Detector, Ongoing, Sighting},
    locate::Surroundings,
    record::{Record, RecordId},
    sink::{
        Limits, Moment, Outside, PASSES_TO_SETTLE, Sink, SinkConfig, SinkError,
        disk::Disk,
        entry::{Lineage, Totals},
        recover::Recovered,
        trouble::Trouble,
    },
    watching::view::View,
};

mod recorder;
mod samples;

pub use recorder::Recorder;
pub use samples::{Inspectors, SampleLimits};

/// Looks at records before anything is removed. The meter ships `()`; tests assert exact counts
/// with their own.
pub trait Tap {
    /// A record on its way.
    fn record(&mut self, _record: &Record) {}
}

impl Tap for () {}

/// Turns nanoseconds since boot into UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WallClock {
    /// UTC minus time since boot, nanoseconds.
    pub boot_to_utc_offset_ns: i64,
}

impl WallClock {
    /// The moment that was `boot` nanoseconds after boot; the epoch where that is no date.
    #[must_use]
    pub fn utc(self, boot: u64) -> Timestamp {
        let nanoseconds = i128::from(boot) + i128::from(self.boot_to_utc_offset_ns);
        Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// That moment in both.
    #[must_use]
    pub fn moment(self, boot: u64) -> Moment {
        Moment {
            boot,
            utc: self.utc(boot),
        }
    }
}

/// What a pipeline is made of.
#[derive(Debug)]
pub struct PipelineConfig {
    /// Where and how to write.
    pub sink: SinkConfig,
    /// What to write on.
    pub disk: Box<dyn Disk>,
    /// What is known of addresses; see [`Pipeline::set_surroundings`].
    pub surroundings: Surroundings,
    /// Bounds of payload memory.
    pub samples: SampleLimits,
    /// For hours and file names; see [`Pipeline::set_clock`].
    pub clock: WallClock,
    /// Nanoseconds since boot.
    pub now: u64,
}

/// Everything to the right of whoever produces events.
pub struct Pipeline<T: Tap> {
    tap: T,
    sink: Sink,
    recovered: Recovered,
    recorder: Recorder,
    view: View,
    detector: Detector,
    clock: WallClock,
    passes: usize,
}

impl<T: Tap> Pipeline<T> {
    /// Opens the output folder and takes up what a crash left in it.
    ///
    /// # Errors
    /// As [`Sink::open`].
    pub fn new(config: PipelineConfig, tap: T) -> Result<Self, SinkError> {
        let now = config.clock.moment(config.now);
        let (sink, recovered) = Sink::open(config.sink, config.disk, now)?;
        Ok(Self {
            tap,
            sink,
            recovered,
            recorder: Recorder::new(config.samples, config.surroundings, config.now),
            view: View::default(),
            detector: Detector::default(),
            clock: config.clock,
            passes: 0,
        })
    }

    /// What a crash left.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// The tap.
    pub fn tap(&mut self) -> &mut T {
        &mut self.tap
    }

    /// Follows a step of the system's clock.
    pub fn set_clock(&mut self, clock: WallClock) {
        self.clock = clock;
    }

    /// From now on, this is known of addresses. Where files would begin with something else, the
    /// next commit begins a new spool.
    pub fn set_surroundings(&mut self, surroundings: Surroundings) {
        let (countries, legs) = (&surroundings.countries, &surroundings.legs);
        self.sink
            .set_surroundings(countries.describe(), legs.relays());
        self.recorder.set_surroundings(surroundings);
    }

    /// From now on, files are closed and removed by these limits, and failed flows get lines or
    /// not; long flows are cut after `active` nanoseconds.
    pub fn set_limits(&mut self, limits: Limits, write_failed: bool, active: u64) {
        self.sink.set_limits(limits, write_failed);
        let silence = SampleLimits::for_cuts_after(active).forget_after;
        self.recorder.forget_after(silence);
    }

    /// So many rules exclude now, which files tell: the next commit begins a new spool.
    pub fn set_exclusions(&mut self, rules: usize) {
        self.sink.set_exclusions(rules);
    }

    /// The records that follow are of a pass at `now`, nanoseconds since boot.
    pub fn advance(&mut self, now: u64) {
        self.sink.note(&self.detector.advance(now, self.clock));
    }

    /// Anomalies that go on.
    #[must_use]
    pub fn anomalies(&self, now: u64) -> Vec<Ongoing> {
        self.detector.ongoing(now)
    }

    /// Takes a payload sample; `bytes` may be longer than what was taken.
    pub fn sample(&mut self, header: &SampleHeader, bytes: &[u8]) {
        self.recorder.sample(header, bytes);
    }

    /// Whether the record was written before the crash. The answer holds for the first passes; by
    /// then the table that the crash left has been settled.
    #[must_use]
    pub fn already_written(&self, id: &RecordId) -> bool {
        self.recovered
            .holds(self.sink.totals().lineage, (*id).into())
    }

    /// Writes the record of `flow` that is due: `counts` is what it adds, opener first. After
    /// [`End::Active`] the flow goes on and keeps its label.
    pub fn flow_ended(&mut self, flow: &Flow, counts: [Tally; 2], end: End) {
        let record = self.recorder.record(flow, counts, end);
        self.tap.record(&record);
        let level = self.header().level;
        let places = self.recorder.places(&record);
        if let Some(sighting) = Sighting::of(&record, &places) {
            self.detector.see(&sighting);
        }
        let entered = (self.recorder).publish(&record, &places, level, self.clock);
        self.view.count(&entered);
        let id = RecordId::of(flow).into();
        self.sink.write(Some(id), entered);
    }

    /// Ends a frame and syncs it; then what was written before survives a crash.
    ///
    /// # Errors
    /// As [`Sink::commit`]: records wait, metering goes on.
    pub fn commit(&mut self, outside: Outside) -> Result<(), Trouble> {
        self.sink.commit(outside)
    }

    /// The flow table has been walked over: closes a spool that is old or large enough, and forgets
    /// samples of flows that nobody ended.
    ///
    /// # Errors
    /// As [`Sink::rotate`].
    pub fn pass_over(&mut self, now: u64) -> Result<(), Trouble> {
        self.recorder.forget(now);
        self.view.turn(now);
        self.passes += 1;
        if self.passes == PASSES_TO_SETTLE {
            self.recovered.forget_ids();
        }
        let rotated = if self.sink.should_rotate(now) {
            self.sink.rotate(self.clock.moment(now))
        } else {
            Ok(())
        };
        self.sink.pass_over();
        rotated
    }

    /// Writes what still waits and closes the spool. Gives the tap back.
    ///
    /// # Errors
    /// As [`Sink::close`].
    pub fn close(mut self, now: u64) -> Result<T, SinkError> {
        self.sink.note(&self.detector.finish(self.clock));
        self.sink.close(self.clock.utc(now))?;
        Ok(self.tap)
    }

    /// From now on, records are those of the maps of `lineage`. All that those before held must be
    /// written and committed.
    ///
    /// # Errors
    /// As [`Sink::rotate`].
    pub fn go_on_as(&mut self, lineage: Lineage, now: u64) -> Result<(), Trouble> {
        let now = self.clock.moment(now);
        self.sink.go_on_as(lineage, &self.recovered, now)
    }

    /// Writes what a commit leaves for the next one.
    ///
    /// # Errors
    /// As [`Sink::settle`].
    pub fn settle(&mut self) -> Result<(), Trouble> {
        self.sink.settle()
    }

    /// What files begin with.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.sink.header()
    }

    /// Sums since the lineage began.
    #[must_use]
    pub fn written(&self) -> &Totals {
        self.sink.totals()
    }

    /// What ended, for those who watch.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Where records go.
    #[must_use]
    pub fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Who inspects the samples, for threads that do so beside this one.
    #[must_use]
    pub fn inspectors(&self) -> &Inspectors {
        self.recorder.inspectors()
    }

    /// Samples that were not looked at because too many flows were undecided.
    #[must_use]
    pub fn samples_shed(&self) -> u64 {
        self.recorder.samples_shed()
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
