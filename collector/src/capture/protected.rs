//! The protected output of a replay: the records and the sink of the live meter.

use collector_common::schema::{Anomaly, Counters, Level};

use super::replay::{Form, Formed, Output};
use crate::{
    anomalies::{Detector, Sighting, WINDOW},
    pipeline::{Recorder, WallClock},
    record::Record,
    sink::{Outside, Sink, SinkConfig, disk::LocalDisk, entry::Entered},
};

/// Text that waits for a commit: each costs a sync, and a replay that is killed starts anew.
const WAITING: usize = 4 << 20;

/// What may be published of a record, as live.
#[derive(Clone, Copy, Debug, Default)]
pub struct Publish(pub Level);

/// A record as it leaves a shard.
#[derive(Debug)]
pub struct Published {
    entered: Entered,
    sighting: Option<Sighting>,
}

impl Form for Publish {
    type Item = Published;

    fn form(&self, recorder: &mut Recorder, record: Record) -> Published {
        let places = recorder.places(&record);
        Published {
            entered: recorder.publish(&record, &places, self.0, WallClock::default()),
            sighting: Sighting::of(&record, &places),
        }
    }
}

/// Writes published records as the live meter does; packet time is UTC.
pub struct Protected {
    config: Option<SinkConfig>,
    sink: Option<Sink>,
    detector: Detector,
    /// With their times: shards come one after the other, time goes on in each.
    sightings: Vec<(u64, Sighting)>,
    clock: WallClock,
    /// Nanoseconds since the Unix epoch.
    now: u64,
}

impl Protected {
    /// Will write as `config` says, from the first packet on.
    #[must_use]
    pub fn new(config: SinkConfig) -> Self {
        Self {
            config: Some(config),
            sink: None,
            detector: Detector::default(),
            sightings: Vec::new(),
            clock: WallClock::default(),
            now: 0,
        }
    }

    /// Writes what waits, and `counters`, and closes the last file.
    ///
    /// # Errors
    /// As [`Sink::close`].
    pub fn close(mut self, counters: Counters) -> anyhow::Result<()> {
        let Some(mut sink) = self.sink else {
            return Ok(());
        };
        sink.note(&self.detector.finish(self.clock));
        sink.commit(Outside {
            counters,
            ..Outside::default()
        })?;
        Ok(sink.close(self.clock.utc(self.now))?)
    }

    /// Hands what waits to the detector, window after window.
    fn detect(&mut self, now: u64) {
        // Stable, so that each shard's order stays.
        self.sightings.sort_by_key(|(at, _)| at / WINDOW);
        let mut found: Vec<Anomaly> = Vec::new();
        for (at, sighting) in self.sightings.drain(..) {
            found.extend(self.detector.advance(at, self.clock));
            self.detector.see(&sighting);
        }
        found.extend(self.detector.advance(now, self.clock));
        if let Some(sink) = &mut self.sink {
            sink.note(&found);
        }
    }

    /// Closes a file that is old or large enough, with what waits for it.
    fn rotate(&mut self) -> anyhow::Result<()> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        if sink.is_old(self.now) || sink.should_rotate(self.now) {
            sink.commit(Outside::default())?;
        }
        // Asked again: an old file in which nothing is stays open.
        if sink.should_rotate(self.now) {
            sink.rotate(self.clock.moment(self.now))?;
        }
        Ok(())
    }
}

impl Output<Published> for Protected {
    fn begin(&mut self, now: u64) -> anyhow::Result<()> {
        let Some(config) = self.config.take() else {
            return Ok(());
        };
        let (sink, recovered) = Sink::open(config, Box::new(LocalDisk), self.clock.moment(now))?;
        if recovered.spools > 0 {
            tracing::warn!(
                spools = recovered.spools,
                "closed what a meter or replay that was killed left in the output folder; if you \
                 replay the same captures again, their flows are there twice"
            );
        }
        self.sink = Some(sink);
        self.now = now;
        Ok(())
    }

    fn write(&mut self, formed: Formed<Published>) -> anyhow::Result<()> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        let Published { entered, sighting } = formed.item;
        self.sightings
            .extend(sighting.map(|sighting| (formed.at, sighting)));
        // Nobody goes on where a replay stops: its ids need not be known.
        sink.write(None, entered);
        if sink.queued() >= WAITING {
            sink.commit(Outside::default())?;
            self.rotate()?;
        }
        Ok(())
    }

    fn advance(&mut self, now: u64) -> anyhow::Result<()> {
        self.now = now;
        self.detect(now);
        self.rotate()
    }
}
