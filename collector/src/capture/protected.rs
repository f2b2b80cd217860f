//! The protected output of a replay: the records and the sink of the live meter.

use collector_common::schema::{Counters, Level};

use super::replay::{Form, Formed, Output};
use crate::{
    pipeline::{Recorder, WallClock},
    record::Record,
    sink::{Outside, Sink, SinkConfig, disk::LocalDisk, entry::Entered},
};

/// Text that waits for a commit: each costs a sync, and a replay that is killed starts anew.
const WAITING: usize = 4 << 20;

/// What may be published of a record, as live.
#[derive(Clone, Copy, Debug, Default)]
pub struct Publish(pub Level);

impl Form for Publish {
    type Item = Entered;

    fn form(&self, recorder: &mut Recorder, record: Record) -> Entered {
        recorder.publish(&record, self.0, WallClock::default())
    }
}

/// Writes published records as the live meter does; packet time is UTC.
pub struct Protected {
    config: Option<SinkConfig>,
    sink: Option<Sink>,
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
            clock: WallClock::default(),
            now: 0,
        }
    }

    /// Writes what waits, and `counters`, and closes the last file.
    ///
    /// # Errors
    /// As [`Sink::close`].
    pub fn close(self, counters: Counters) -> anyhow::Result<()> {
        let Some(mut sink) = self.sink else {
            return Ok(());
        };
        sink.commit(Outside {
            counters,
            ..Outside::default()
        })?;
        Ok(sink.close(self.clock.utc(self.now))?)
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

impl Output<Entered> for Protected {
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

    fn write(&mut self, formed: Formed<Entered>) -> anyhow::Result<()> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        // Nobody goes on where a replay stops: its ids need not be known.
        sink.write(None, formed.item);
        if sink.queued() >= WAITING {
            sink.commit(Outside::default())?;
            self.rotate()?;
        }
        Ok(())
    }

    fn advance(&mut self, now: u64) -> anyhow::Result<()> {
        self.now = now;
        self.rotate()
    }
}
