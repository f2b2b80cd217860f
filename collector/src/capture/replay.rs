//! The replay of captures: the kernel's part is played in memory, packet time is the clock.
//!
//! Frames are parsed in order and handed to shards by flow key. A shard holds its flows, its
//! closing and its inspection; records leave in the order of time (half seconds) and of shards, so
//! that any number of workers gives the same result.

use collector_common::{
    books::{Books, Hook},
    flow::Observation,
    wire::Tally,
};

use crate::{
    capture::reader::Frame,
    pipeline::{Recorder, SampleLimits},
    record::Record,
};

mod clock;
mod config;
mod counted;
mod engine;
mod meter;
mod nfstream;
mod parsed;
mod shard;
mod shards;
mod table;
mod wheel;
mod workers;

pub use clock::OutOfOrder;
pub use config::{ReplayConfig, Timing, Vantage};
pub use counted::Counted;
pub use meter::{Meter, Rings, Seen};
pub use shard::Formed;
pub use table::{FlowTable, Handle};

use clock::Clock;
use engine::Engine;
use nfstream::Arrival;
use parsed::{Content, Keyed, Parsed};
use shard::{STEP, Shard, ShardConfig};
use shards::{SHARDS, ShardSums};

/// Makes of a record what leaves the shard. Runs on the workers.
pub trait Form: Clone + Send {
    /// What leaves.
    type Item: Send;
    /// Forms `record`; `recorder` knows places and what may be published.
    fn form(&self, recorder: &mut Recorder, record: Record) -> Self::Item;
}

/// Takes formed records, in an order that depends on the captures alone.
pub trait Output<I> {
    /// The first packet comes, at `now` nanoseconds since the Unix epoch.
    ///
    /// # Errors
    /// The output can't be made.
    fn begin(&mut self, now: u64) -> anyhow::Result<()>;
    /// Takes a record.
    ///
    /// # Errors
    /// It can't be written.
    fn write(&mut self, formed: Formed<I>) -> anyhow::Result<()>;
    /// All records of flows that ended before `now` are here.
    ///
    /// # Errors
    /// Something can't be written.
    fn advance(&mut self, now: u64) -> anyhow::Result<()>;
}

/// A replay under way.
pub struct Replay<F: Form, O> {
    config: ReplayConfig,
    form: F,
    output: O,
    /// From the first packet on.
    engine: Option<Engine<F>>,
    clock: Clock,
    step: u64,
    number: u64,
    counted: Counted,
}

impl<F: Form + 'static, O: Output<F::Item>> Replay<F, O> {
    /// Nothing read yet.
    pub fn new(config: ReplayConfig, form: F, output: O) -> Self {
        Self {
            config,
            form,
            output,
            engine: None,
            clock: Clock::default(),
            step: 0,
            number: 0,
            counted: Counted::default(),
        }
    }

    /// Packets read so far.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.number
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// The output can't be written.
    pub fn frame(&mut self, frame: &Frame<'_>) -> anyhow::Result<()> {
        self.take(&Parsed::of(frame, self.config.timing))
    }

    /// Takes the next frames: the same as one after another, and faster.
    ///
    /// # Errors
    /// The output can't be written.
    pub fn frames<'a>(
        &mut self,
        frames: impl ExactSizeIterator<Item = Frame<'a>>,
    ) -> anyhow::Result<()> {
        let timing = self.config.timing;
        let mut parsed = Vec::with_capacity(frames.len());
        parsed.extend(frames.map(|frame| Parsed::of(&frame, timing)));
        if let Some(Engine::Here(shards)) = &self.engine {
            for keyed in parsed.iter_mut().filter_map(Parsed::keyed_mut) {
                keyed.guess = shards.guess(keyed.shard, &keyed.key);
            }
            let keyed = parsed.iter().filter_map(Parsed::keyed);
            shards.fetch(keyed.map(|keyed| (keyed.shard, keyed.guess)));
        }
        parsed.iter().try_for_each(|parsed| self.take(parsed))
    }

    fn take(&mut self, parsed: &Parsed<'_>) -> anyhow::Result<()> {
        let now = self.clock.packet(parsed.stamp);
        self.tick(now)?;
        if self.number.is_multiple_of(AT_MOST) {
            self.collect()?;
        }
        self.number += 1;
        let wire = parsed.wire;
        match &parsed.content {
            Content::Packet(keyed) => return self.meter(keyed, wire, now),
            Content::Refused(reason) => self.counted.books.refuse(*reason, wire),
            Content::Unsupported => self.counted.unsupported.add(wire),
        }
        self.counted.books.see(Hook::Capture, wire);
        Ok(())
    }

    fn meter(&mut self, keyed: &Keyed<'_>, wire: Tally, now: u64) -> anyhow::Result<()> {
        let hook = self.config.vantage.hook(&keyed.packet);
        self.counted.books.see(hook, wire);
        let seen = Seen {
            key: keyed.key,
            observation: Observation {
                packet: keyed.packet,
                side: keyed.side,
                wire,
                now,
                hook,
                ifindex: 1,
            },
            payload: keyed.payload,
            // Captured bytes fit a reader's buffer, which is far below 4 GiB.
            payload_len: keyed.payload.len() as u32,
            number: self.number,
            guess: keyed.guess,
        };
        match &mut self.engine {
            Some(engine) => engine.meter(keyed.shard, &seen),
            None => Ok(()),
        }
    }

    /// Does what is due before a packet of this time.
    fn tick(&mut self, now: u64) -> anyhow::Result<()> {
        let step = now / STEP;
        if step <= self.step && self.engine.is_some() {
            return Ok(());
        }
        self.step = step;
        if self.engine.is_none() {
            self.output.begin(now)?;
            self.engine = Some(self.start(now)?);
            return Ok(());
        }
        self.collect()
    }

    /// Takes the records that the shards hold.
    fn collect(&mut self) -> anyhow::Result<()> {
        let Some(engine) = &mut self.engine else {
            return Ok(());
        };
        let (output, counted) = (&mut self.output, &mut self.counted);
        match engine.advance(self.step, |formed| counted.write(formed, output))? {
            Some(settled) => self.output.advance(settled * STEP),
            None => Ok(()),
        }
    }

    /// Ends every flow; gives the output back.
    ///
    /// # Errors
    /// The output can't be written.
    pub fn finish(mut self) -> anyhow::Result<(Counted, O)> {
        let now = self.clock.now();
        match self.engine.take() {
            None => self.output.begin(now)?,
            Some(mut engine) => {
                let (output, counted) = (&mut self.output, &mut self.counted);
                while let Some(settled) = engine.settle(|formed| counted.write(formed, output))? {
                    output.advance(settled * STEP)?;
                }
                let sums = engine.finish(now, |formed| counted.write(formed, output))?;
                self.count(&sums);
                self.output.advance(now)?;
            }
        }
        self.counted.out_of_order = self.clock.out_of_order;
        Ok((self.counted, self.output))
    }

    fn count(&mut self, sums: &ShardSums) {
        self.counted.books = Books::sum([&self.counted.books, &sums.books]);
        self.counted.samples_shed = sums.samples_shed;
    }

    fn start(&self, now: u64) -> anyhow::Result<Engine<F>> {
        let shards = (0..SHARDS).map(|index| self.shard(index, now)).collect();
        Engine::start(shards, self.config.workers)
    }

    fn shard(&self, index: usize, now: u64) -> Shard<F> {
        let config = &self.config;
        let table_size = (config.table_size as usize).div_ceil(SHARDS);
        let nfstream = config.timing == Timing::NfStream;
        let timeouts = if nfstream {
            Arrival::on_ticks(&config.timeouts)
        } else {
            config.timeouts
        };
        let meter = Meter {
            exclusions: config.exclusions.clone(),
            sampling: config.sampling,
            heeds_flags: !nfstream,
            ..Meter::new(FlowTable::new(table_size, timeouts, now))
        };
        Shard::new(ShardConfig {
            meter,
            seeds: table_size,
            late_id: LATE_IDS | (index as u64) << 40,
            recorder: Recorder::new(self.sample_limits(), config.surroundings.clone(), now),
            form: self.form.clone(),
            timeouts,
            arrival: nfstream.then(|| Arrival::new(&config.timeouts)),
            now,
        })
    }

    /// A share of what one table has.
    fn sample_limits(&self) -> SampleLimits {
        let limits = SampleLimits::for_cuts_after(self.config.timeouts.active);
        let explain = self.config.explain;
        let most = if explain.is_some() {
            EXPLAINED
        } else {
            UNDECIDED
        };
        SampleLimits {
            undecided: most / SHARDS,
            flows: (self.config.table_size as usize).div_ceil(SHARDS),
            explain,
            blind: !self.config.sampling,
            ..limits
        }
    }
}

/// Packets after which records are collected though no time has passed: a capture may claim that all
/// came at once.
const AT_MOST: u64 = 1 << 16;

/// Ids of flows that late packets make: above the number of any packet.
const LATE_IDS: u64 = 1 << 63;

/// Flows whose payload is kept at a time: four times as many as live, since nobody waits.
const UNDECIDED: usize = 32_768;

/// The same where each keeps what all dissectors say of it, about 100 KiB.
const EXPLAINED: usize = 1024;

#[cfg(test)]
mod tests;
