//! The live agent with packet time as its clock: frames go through the programs that it loaded,
//! one by one (`BPF_PROG_TEST_RUN`), and it closes flows as it does on a host.

use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Result, ensure};
use collector::{
    live::{Agent, Ingress, Options},
    pipeline::{PipelineConfig, Tap},
    record::Record,
    sink::Limits,
};
use collector_common::{books::Books, packet::Link, settings::SECOND};
use tempfile::TempDir;

use crate::{
    captures::Held,
    kernel::{Program, SkbContext},
    link::{Offloads, VethPair, set_offloads},
    meter::{options, pipeline},
    netns::{Entered, Namespace},
    tap::{self, Layer},
};

/// Between a tick and the moment when late packets settle.
const STEP: u64 = SECOND / 2;
/// Frames between two looks at the rings, which hold far more.
const DRAIN_EVERY: usize = 256;
/// Without packets, so many ticks pass before it is asked whether anything is still live.
const LOOK_EVERY: u64 = 16;

/// Hands every record out at once.
struct Sent(Sender<Record>);

impl Tap for Sent {
    fn record(&mut self, record: &Record) {
        // Nobody listens any more once the agent stops.
        let _ = self.0.send(record.clone());
    }
}

/// An interface on which nothing happens.
enum Silence {
    Ethernet { _pair: VethPair, _far: Namespace },
    Ip { _device: tap::Tap },
}

/// What a capture came to.
pub struct Played {
    /// In the order in which they were written.
    pub records: Vec<Record>,
    /// The kernel's counters of this capture alone.
    pub books: Books,
}

/// An agent whose time is that of packets. Stays on its thread.
pub struct Driven {
    agent: Agent<Sent>,
    records: Receiver<Record>,
    program: Program,
    /// Half seconds of packet time.
    step: u64,
    books: Books,
    _inside: Entered,
    _silence: Silence,
    _namespace: Namespace,
    _folder: TempDir,
}

impl Driven {
    /// An agent that has `program` attached to a device of this kind.
    ///
    /// # Errors
    /// Those of [`Agent::start`].
    pub fn start(program: Program, link: Link) -> Result<Self> {
        let namespace = Namespace::new("driven")?;
        let (interface, silence) = silent(&namespace, link)?;
        // What is synced costs nothing there.
        let folder = tempfile::tempdir_in("/dev/shm")?;
        let (sender, records) = channel();
        let inside = namespace.enter()?;
        let agent = Agent::start(
            chosen(&interface, program, &folder),
            |_| Ok(config(&folder)),
            Sent(sender),
        )?;
        Ok(Self {
            agent,
            records,
            program,
            step: 0,
            books: Books::default(),
            _inside: inside,
            _silence: silence,
            _namespace: namespace,
            _folder: folder,
        })
    }

    /// Plays frames with their own clock, which never goes back, from an empty table to an empty
    /// table.
    ///
    /// # Errors
    /// The kernel refuses a frame; a packet is neither in a record nor under a reason.
    pub fn play(&mut self, frames: &[&Held]) -> Result<Played> {
        let mut now = frames.first().map_or(1, |first| first.time.max(1));
        self.step = now / STEP;
        self.agent.tick(self.step * STEP)?;
        for (number, frame) in frames.iter().enumerate() {
            now = now.max(frame.time);
            self.advance(now / STEP)?;
            self.agent.set_clock(now)?;
            self.run(&frame.bytes)?;
            if number % DRAIN_EVERY == 0 {
                self.agent.drain();
            }
        }
        let summary = self.agent.write_all(now)?;
        ensure!(summary.balance.difference == 0, "{:?}", summary.balance);
        let before = std::mem::replace(&mut self.books, summary.books);
        Ok(Played {
            records: self.records.try_iter().collect(),
            books: since(&summary.books, &before),
        })
    }

    /// Ticks on whole seconds and settles in between, up to `step`. While nothing is live, ticks
    /// change nothing but the time: the last one tells it.
    fn advance(&mut self, step: u64) -> Result<()> {
        let mut ticks = 0;
        while self.step < step {
            self.step += 1;
            let now = self.step * STEP;
            self.agent.set_clock(now)?;
            if !self.step.is_multiple_of(2) {
                self.agent.settle()?;
                continue;
            }
            self.agent.tick(now)?;
            ticks += 1;
            if ticks % LOOK_EVERY == 0 && self.agent.status()?.live_flows == 0 {
                self.step = self.step.max(step.saturating_sub(2));
            }
        }
        Ok(())
    }

    fn run(&mut self, frame: &[u8]) -> Result<()> {
        let context = SkbContext::of(frame);
        let options = self.program.options(frame, &context);
        let verdict = self.agent.run_program(self.program.name(), options)?;
        ensure!(verdict == self.program.verdict(), "verdict {verdict}");
        Ok(())
    }

    /// Detaches.
    ///
    /// # Errors
    /// Those of [`Agent::stop`].
    pub fn stop(self) -> Result<()> {
        self.agent.stop().map(drop)
    }
}

fn silent(namespace: &Namespace, link: Link) -> Result<(String, Silence)> {
    if link == Link::Ip {
        let device = tap::Tap::new(namespace, "silent", Layer::Ip)?;
        return Ok(("silent".to_owned(), Silence::Ip { _device: device }));
    }
    let far = Namespace::new("far")?;
    let pair = VethPair::between(namespace, &far)?;
    // XDP switches receive offload on at the other end of a pair where it is off.
    set_offloads(namespace, &pair.a.name, Offloads::All)?;
    let name = pair.a.name.clone();
    Ok((
        name,
        Silence::Ethernet {
            _pair: pair,
            _far: far,
        },
    ))
}

fn chosen(interface: &str, program: Program, folder: &TempDir) -> Options {
    Options {
        ingress: if program == Program::Xdp {
            Ingress::Xdp
        } else {
            Ingress::Tc
        },
        // More flows than any capture has; a pass looks at all of it.
        table_size: 16_384,
        test_clock: true,
        ..options(interface, folder.path())
    }
}

fn config(folder: &TempDir) -> PipelineConfig {
    let mut config = pipeline(folder.path());
    // Captures are years apart: one file takes all.
    config.sink.limits = Limits {
        spool_age: std::time::Duration::MAX,
        ..Limits::default()
    };
    config
}

fn since(now: &Books, before: &Books) -> Books {
    let mut since = *now;
    let pairs = since.reasons.iter_mut().zip(&before.reasons);
    pairs.for_each(|(sum, before)| *sum = sum.since(*before));
    let pairs = since.seen.iter_mut().zip(&before.seen);
    pairs.for_each(|(sum, before)| *sum = sum.since(*before));
    Books {
        late: now.late.since(before.late),
        settled: now.settled.since(before.settled),
        overflow: now.overflow.since(before.overflow),
        flows: now.flows - before.flows,
        samples: now.samples - before.samples,
        samples_lost: now.samples_lost - before.samples_lost,
        ..since
    }
}
