//! The replay of captures: the kernel's part is played in memory, packet time is the clock.
//!
//! Frames are parsed in order and handed to shards by flow key. A shard holds its flows, its
//! closing and its inspection; records leave in the order of time (half seconds) and of shards, so
//! that any number of workers gives the same result.

use std::sync::Arc;

use collector_common::{
    books::{Books, Hook, Reason},
    flow::Observation,
    key::FlowKey,
    packet::{Link, Packet, Refusal, parse},
    settings::{DEFAULT_TABLE_SIZE, Timeouts},
    wire::Tally,
};
use hashbrown::HashMap;

use crate::{
    capture::reader::{Frame, FrameLink},
    inspect::Label,
    live::Exclusion,
    locate::geoip::Countries,
    pipeline::{Recorder, SampleLimits},
    record::Record,
};

mod arrival;
mod clock;
mod engine;
mod meter;
mod shard;
mod shards;
mod table;
mod wheel;
mod workers;

pub use clock::OutOfOrder;
pub use meter::{Meter, Rings, Seen};
pub use shard::Formed;
pub use table::{FlowTable, Handle};

use arrival::Arrival;
use clock::Clock;
use engine::Engine;
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

/// Where the capture was taken.
#[derive(Clone, Debug, Default)]
pub enum Vantage {
    /// Nobody says.
    #[default]
    Unknown,
    /// At a host with these addresses: what they send leaves it.
    Host(Vec<Exclusion>),
    /// As if every packet had come by this hook.
    Hook(Hook),
}

impl Vantage {
    fn hook(&self, packet: &Packet) -> Hook {
        match self {
            Self::Unknown => Hook::Capture,
            Self::Hook(hook) => *hook,
            Self::Host(prefixes) => {
                let source = (&packet.source, packet.version);
                if prefixes.iter().any(|own| own.contains(source.0, source.1)) {
                    Hook::Egress
                } else {
                    Hook::Ingress
                }
            }
        }
    }
}

/// When flows are cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// As live: on ticks of whole seconds, and by FIN and RST.
    #[default]
    Ticks,
    /// As NFStream: on arrival, by time alone, with the capture's own time stamps; bytes are
    /// those of the captured frame, whatever its link header.
    NfStream,
}

/// How captures are replayed.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Flows at a time, in all.
    pub table_size: u32,
    /// When flows end.
    pub timeouts: Timeouts,
    /// When that is looked at.
    pub timing: Timing,
    /// What is not metered.
    pub exclusions: Vec<Exclusion>,
    /// Payload is looked at.
    pub sampling: bool,
    /// Where the captures were taken.
    pub vantage: Vantage,
    /// Countries of addresses.
    pub countries: Arc<Countries>,
    /// Threads beside the one that reads; 1: none.
    pub workers: usize,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            table_size: DEFAULT_TABLE_SIZE,
            timeouts: Timeouts::DEFAULT,
            timing: Timing::Ticks,
            exclusions: Vec::new(),
            sampling: true,
            vantage: Vantage::Unknown,
            countries: Arc::new(Countries::none()),
            workers: 1,
        }
    }
}

/// What a replay came to.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    /// Every packet that was read, and what became of it.
    pub books: Books,
    /// Of link types that can't be read; not in `books`' reasons.
    pub unsupported: Tally,
    /// Packets that came before their time.
    pub out_of_order: OutOfOrder,
    /// In records.
    pub written: Tally,
    /// Records.
    pub records: u64,
    /// Records by what the flow is.
    pub labels: HashMap<Label, u64>,
    /// Samples that nobody looked at, because too many flows were undecided.
    pub samples_shed: u64,
}

impl Counted {
    /// Packets that were seen and are in no record and under no reason (or, below 0, the other
    /// way): 0 when the books hold.
    #[must_use]
    pub fn difference(&self) -> i128 {
        let seen = i128::from(self.books.seen_total().packets);
        let known = [self.books.reasons_total(), self.unsupported, self.written];
        seen - known
            .iter()
            .map(|tally| i128::from(tally.packets))
            .sum::<i128>()
    }

    /// Hands records on.
    fn write<I>(
        &mut self,
        formed: Vec<Formed<I>>,
        output: &mut impl Output<I>,
    ) -> anyhow::Result<()> {
        for formed in formed {
            self.records += 1;
            *self.labels.entry(formed.label).or_default() += 1;
            self.written = self.written.plus(formed.tally);
            output.write(formed)?;
        }
        Ok(())
    }
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
        let clock = self.clock.packet(frame.time);
        self.tick(clock)?;
        self.number += 1;
        let (now, stripped) = match self.config.timing {
            Timing::Ticks => (clock, frame.link_header),
            Timing::NfStream => (frame.time, 0),
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
        match parse(frame.bytes, link) {
            Ok(packet) => self.packet(frame.bytes, packet, wire, now),
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

    fn packet(
        &mut self,
        bytes: &[u8],
        packet: Packet,
        wire: Tally,
        now: u64,
    ) -> anyhow::Result<()> {
        let hook = self.config.vantage.hook(&packet);
        self.see(hook, wire);
        let (key, side) = FlowKey::of(&packet);
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
