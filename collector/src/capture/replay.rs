//! The replay of captures: the kernel's part is played in memory, packet time is the clock.
//!
//! Frames are parsed in order and handed to shards by flow key. A shard holds its flows, its
//! closing and its inspection; records leave in the order of time (half seconds) and of shards, so
//! that any number of workers gives the same result.

use collector_common::{
    books::{Books, Hook, Reason},
    flow::Observation,
    key::FlowKey,
    packet::{Link, Refusal, parse},
    wire::Tally,
};

use crate::{
    capture::reader::{Frame, FrameLink},
    pipeline::{Recorder, SampleLimits},
    record::Record,
};

mod clock;
mod config;
mod counted;
mod engine;
mod meter;
mod nfstream;
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
use nfstream::{Arrival, View, view};
use shard::{STEP, Shard, ShardConfig};
use shards::{SHARDS, ShardSums, shard_of};

/// Makes of a record what leaves the shard. Runs on the workers.
pub trait Form: Clone + Send {
    /// What leaves.
    type Item: Send;
    /// Forms `record`; `recorder` knows places and what may be published.
    fn form(&self, recorder: &Recorder, record: Record) -> Self::Item;
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
        let now = self.clock.packet(frame.time);
        self.tick(now)?;
        self.number += 1;
        let stripped = match self.config.timing {
            Timing::Ticks => frame.link_header,
            Timing::NfStream => 0,
        };
        let wire = Tally {
            packets: 1,
            bytes: frame.original_len.saturating_sub(stripped).into(),
        };
        let link = match frame.link {
            FrameLink::Ethernet => Link::Ethernet,
            FrameLink::Ip => Link::Ip,
            FrameLink::NotIp => {
                self.see(Hook::Capture, wire);
                return self.refuse(Reason::NotIp, wire);
            }
            FrameLink::Unsupported => {
                self.see(Hook::Capture, wire);
                self.counted.unsupported = self.counted.unsupported.plus(wire);
                return Ok(());
            }
        };
        let parsed = match self.config.timing {
            Timing::Ticks => parse(frame.bytes, link).map(|packet| View {
                packet,
                bytes: frame.bytes,
                vlan: 0,
            }),
            Timing::NfStream => view(frame.bytes, link),
        };
        match parsed {
            Ok(view) => self.packet(&view, wire, now),
            Err(refusal) => {
                self.see(Hook::Capture, wire);
                let reason = match refusal {
                    Refusal::Short => Reason::Malformed,
                    Refusal::Reason(reason) => reason,
                };
                self.refuse(reason, wire)
            }
        }
    }

    fn packet(&mut self, view: &View<'_>, wire: Tally, now: u64) -> anyhow::Result<()> {
        let View {
            packet,
            bytes,
            vlan,
        } = *view;
        let hook = self.config.vantage.hook(&packet);
        self.see(hook, wire);
        let (mut key, side) = FlowKey::of(&packet);
        key.reserved = vlan.to_be_bytes();
        // Captured bytes fit a reader's buffer, which is far below 4 GiB.
        let at_hand = packet.payload_in(bytes.len() as u32) as usize;
        let payload = bytes.get(packet.payload as usize..).unwrap_or_default();
        let seen = Seen {
            key,
            observation: Observation {
                packet,
                side,
                wire,
                now,
                hook,
                ifindex: 1,
            },
            payload: payload.get(..at_hand).unwrap_or(payload),
            number: self.number,
        };
        match &mut self.engine {
            Some(engine) => engine.meter(shard_of(&key), &seen),
            None => Ok(()),
        }
    }

    fn see(&mut self, hook: Hook, wire: Tally) {
        let seen = &mut self.counted.books.seen[hook as usize & 1];
        *seen = seen.plus(wire);
    }

    fn refuse(&mut self, reason: Reason, wire: Tally) -> anyhow::Result<()> {
        let refused = &mut self.counted.books.reasons[reason as usize];
        *refused = refused.plus(wire);
        Ok(())
    }

    /// Does what is due before a packet of this time.
    fn tick(&mut self, now: u64) -> anyhow::Result<()> {
        let step = now / STEP;
        if step <= self.step && self.engine.is_some() {
            return Ok(());
        }
        self.step = step;
        let Some(engine) = &mut self.engine else {
            self.output.begin(now)?;
            self.engine = Some(self.start(now)?);
            return Ok(());
        };
        let (output, counted) = (&mut self.output, &mut self.counted);
        engine.advance(step, |formed| counted.write(formed, output))?;
        self.output.advance(step * STEP)
    }

    /// Ends every flow; gives the output back.
    ///
    /// # Errors
    /// The output can't be written.
    pub fn finish(mut self) -> anyhow::Result<(Counted, O)> {
        let now = self.clock.now();
        match self.engine.take() {
            None => self.output.begin(now)?,
            Some(engine) => {
                let (output, counted) = (&mut self.output, &mut self.counted);
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
            recorder: Recorder::new(self.sample_limits(), config.countries.clone(), now),
            form: self.form.clone(),
            timeouts,
            arrival: nfstream.then(|| Arrival::new(&config.timeouts)),
            now,
        })
    }

    /// A share of what one table has.
    fn sample_limits(&self) -> SampleLimits {
        let limits = SampleLimits::for_cuts_after(self.config.timeouts.active);
        SampleLimits {
            undecided: UNDECIDED / SHARDS,
            flows: (self.config.table_size as usize).div_ceil(SHARDS),
            ..limits
        }
    }
}

/// Ids of flows that late packets make: above the number of any packet.
const LATE_IDS: u64 = 1 << 63;

/// Flows whose payload is kept at a time: four times as many as live, since nobody waits.
const UNDECIDED: usize = 32_768;
