//! The agent: what it holds, how it starts, ticks and stops. Synchronous, time is an argument;
//! `serve` drives it.

mod attached;
mod preflight;
mod table;
mod watch;

use std::os::fd::{AsFd, OwnedFd};

use anyhow::Context;
use aya::programs::TestRunOptions;
use collector_common::{books::Books, schema::Counters, wire::Tally};
use jiff::Timestamp;
use preflight::{refuse_old_kernel, refuse_pins};
use tracing::info;
use watch::{Fullness, HookWatch, report_recovery};

pub use attached::Attached;

use super::{
    Options,
    attach::{self, Attachment},
    conservation::{Amount, Balance, ConsensusStatus, Status, Taken, by_hook, by_reason},
    interface::{Interface, Links, refuse_stacked},
    kernel::{Kernel, pin_folder},
    pins::{Lock, OpenPins, PinFolder},
    surroundings::Lookout,
    sys,
};
use crate::{
    anonymize::promise::promise,
    closing::{Closer, Seeds},
    locate::leg,
    pipeline::{Pipeline, PipelineConfig, Tap, WallClock},
    rights::{NeedsRights, Rights, files},
    sink::entry::Lineage,
};

/// A running meter.
pub struct Agent<T: Tap> {
    kernel: Kernel,
    hooks: Vec<Attachment>,
    pipeline: Pipeline<T>,
    closer: Closer,
    interfaces: Vec<Interface>,
    options: Options,
    pins: Option<OpenPins>,
    rights: Rights,
    lost_in_crash: Tally,
    /// The kernel's, of the last tick, as records' files tell them.
    counters: Counters,
    /// The disk takes nothing at the moment, and that has been said.
    disk_failing: bool,
    /// For the packet rate: seen at the last two ticks, and when.
    rate: [(u64, u64); 2],
    started: u64,
    watch: HookWatch,
    fullness: Fullness,
    /// Looks at what may change under way.
    lookout: Option<Lookout>,
    /// The consensus files, as they were last seen.
    consensus: Vec<leg::Status>,
    _lock: Lock,
}

/// Ids of flows that late packets make: above those of any CPU's flows, and counted from the
/// time since boot in microseconds, so that those of the next agent are others.
const LATE_IDS: u64 = 0xffff << 48;

/// What an agent did, for its last line and for tests.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The kernel's counters at the end.
    pub books: Books,
    /// In records and counters, those that could not be put on the disk included.
    pub written: Tally,
    /// Of it, what the disk did not take, and no file has.
    pub unwritten: Tally,
    /// Records and failed flows.
    pub flows: u64,
    /// Late packets that killed agents had read and not yet put anywhere.
    pub lost_in_crash: Tally,
    /// Whether everything seen is somewhere; exact, since nothing arrives any more.
    pub balance: Balance,
}

impl<T: Tap> Agent<T> {
    /// Loads, takes over what a crash left, attaches. `config` comes between attaching and all else:
    /// there rights are given up, and only then is read what others wrote.
    ///
    /// # Errors
    /// Says what is missing and what to do; nothing of ours stays behind then, except what a
    /// crashed agent had left before.
    pub fn start(
        options: Options,
        config: impl FnOnce(Attached<'_>) -> anyhow::Result<PipelineConfig>,
        tap: T,
    ) -> anyhow::Result<Self> {
        refuse_old_kernel()?;
        let links = Links::open()?;
        let named = options.interfaces.iter().map(|name| links.named(name));
        let interfaces: Vec<_> = named.collect::<Result<_, _>>()?;
        refuse_stacked(&interfaces)?;
        let lock = Lock::take(&options.run_root, &interfaces)?;
        let (instance, folder) = pin_folder(&options, &interfaces)?;
        refuse_pins(&options, &interfaces, &folder)?;
        // Several objects find each other's maps by pins, which --no-pin takes away afterwards.
        let shared = options.pin || interfaces.len() > 1;
        if shared {
            folder.create()?;
        }
        let fresh = !folder.holds_maps();
        let pins = shared.then_some(&folder);
        let attached = attached(&options, &interfaces, pins);
        if fresh && (attached.is_err() || !options.pin) {
            folder
                .remove()
                .with_context(|| "unpinning after the start")?;
        }
        let (mut kernel, hooks) = attached?;
        let pins = options.pin.then(|| folder.open()).transpose()?;
        let moment = Attached {
            kernel: &mut kernel,
            hooks: &hooks,
            pins: pins.as_ref(),
            instance: &instance,
        };
        let pipeline = match config(moment).and_then(|config| pipeline(config, &kernel, tap)) {
            Ok(pipeline) => pipeline,
            Err(error) => {
                // What a dead agent left stays for the next one.
                if fresh {
                    detach(hooks, pins.as_ref())?;
                    pins.map_or(Ok(()), |pins| pins.remove())?;
                }
                return Err(error);
            }
        };
        let now = sys::boot_time();
        let watch = HookWatch::new(links, &interfaces, &kernel)?;
        let seen = watch.seen_before();
        let mut agent = Self {
            kernel,
            hooks,
            pipeline,
            closer: Closer::new(
                Seeds::default(),
                LATE_IDS | (now / 1_000),
                if fresh { now } else { 0 },
            ),
            interfaces,
            options,
            pins,
            rights: Rights::all(),
            lost_in_crash: Tally::default(),
            counters: Counters::default(),
            disk_failing: false,
            rate: [(seen, now); 2],
            started: now,
            watch,
            fullness: Fullness::default(),
            lookout: None,
            consensus: Vec::new(),
            _lock: lock,
        };
        agent.inherit()?;
        Ok(agent)
    }

    /// After a crash: what the dead agent had read from the ring and put nowhere is lost, and it
    /// is known how much: the records say how many were sent before them.
    fn inherit(&mut self) -> anyhow::Result<()> {
        self.closer.late_written = self.pipeline.written().late_written.into();
        if !self.kernel.taken_over {
            return Ok(());
        }
        let settled = Books::sum(&self.kernel.books.read()?).settled;
        self.drain();
        let cpus = self.kernel.books.read()?;
        // A record that a program still writes would hide those behind it.
        sys::grace_period().context("waiting for running programs")?;
        self.drain();
        let read = cpus
            .iter()
            .enumerate()
            .fold(Tally::default(), |sum, (cpu, books)| {
                sum.plus(self.closer.seeds.read_before(cpu as u32, books.late))
            });
        self.lost_in_crash = read.since(settled.plus(self.closer.late_written));
        info!(
            lost_packets = self.lost_in_crash.packets,
            "took over the maps and hooks of an agent that did not stop cleanly"
        );
        // Settles what was half done, so that the books hold from the first reading.
        self.pass(sys::boot_time(), false)
    }

    /// One tick: closes what is due at `now` (nanoseconds since boot), writes and syncs it, puts
    /// late packets back.
    ///
    /// # Errors
    /// System calls that should not fail, and [`NeedsRights`]. A disk that can't be written is no
    /// error here: the pipeline keeps or counts what waits.
    pub fn tick(&mut self, now: u64) -> anyhow::Result<()> {
        if files::is_closed() {
            let what = "the process that opens files for this one has ended";
            return Err(NeedsRights(what.to_owned()).into());
        }
        self.hear();
        self.pass(now, false)?;
        let books = Books::sum(&self.kernel.books.read()?);
        self.rate = [self.rate[1], (books.seen_total().packets, now)];
        self.counters = Counters::of(&books);
        self.fullness.look(&books, now);
        self.watch.look(&self.interfaces, &books);
        Ok(())
    }

    /// With somebody who looks at what may change under way.
    #[must_use]
    pub fn with(mut self, lookout: Lookout) -> Self {
        self.lookout = Some(lookout);
        self
    }

    /// With what is left of its rights, for the status.
    #[must_use]
    pub fn within(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self
    }

    fn consensus_at(&self, now: Timestamp) -> Vec<ConsensusStatus> {
        let files = self.consensus.iter();
        files.map(|file| ConsensusStatus::of(file, now)).collect()
    }

    fn hear(&mut self) {
        let Some(news) = self.lookout.as_ref().and_then(Lookout::news) else {
            return;
        };
        self.consensus = news.consensus;
        if let Some(surroundings) = news.surroundings {
            self.pipeline.set_surroundings(surroundings);
        }
    }

    /// Everything about the agent at this moment; walks the table.
    ///
    /// # Errors
    /// Those of the system calls.
    pub fn status(&mut self) -> anyhow::Result<Status> {
        let before = Books::sum(&self.kernel.books.read()?);
        let (mut live, mut flows) = (Tally::default(), 0);
        self.kernel.flows.walk(|flow| {
            live = live.plus(flow.entry.unwritten());
            flows += 1;
        })?;
        let after = Books::sum(&self.kernel.books.read()?);
        let taken = self.taken();
        let now = sys::boot_time();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            interfaces: self.options.interfaces.clone(),
            hooks: self
                .hooks
                .iter()
                .map(|hook| hook.description.clone())
                .collect(),
            rights: self.rights.clone(),
            uptime: (now - self.started) / 1_000_000_000,
            promise: promise(self.pipeline.header()),
            header: self.pipeline.header().clone(),
            consensus: self.consensus_at(wall_clock().utc(now)),
            live_flows: flows,
            table_size: self.options.table_size.into(),
            live: live.into(),
            written: taken.written.into(),
            unwritten: self.unwritten().into(),
            flows_written: self.flows_written(),
            seen: by_hook(&after.seen),
            seen_since_start: by_hook(&self.watch.seen(&after)),
            interface: by_hook(&self.watch.interface_counters(&self.interfaces)),
            packets_per_second: self.packets_per_second(),
            reasons: by_reason(&after),
            late: after.late.into(),
            late_settled: after.settled.into(),
            late_written: taken.late_written.into(),
            lost_in_crash: Amount::from(self.lost_in_crash),
            overflow: after.overflow,
            samples: after.samples,
            samples_lost: after.samples_lost,
            balance: Balance::of(&before, &after, live, &taken),
        })
    }

    fn taken(&self) -> Taken {
        let totals = self.pipeline.written();
        Taken {
            written: Tally::from(totals.written).plus(totals.unwritten.into()),
            late_written: self.closer.late_written,
        }
    }

    fn unwritten(&self) -> Tally {
        self.pipeline.written().unwritten.into()
    }

    fn flows_written(&self) -> u64 {
        self.pipeline.written().written.flows
    }

    fn packets_per_second(&self) -> u64 {
        let [(earlier, then), (later, now)] = self.rate;
        let nanoseconds = u128::from(now.saturating_sub(then).max(1));
        (u128::from(later.saturating_sub(earlier)) * 1_000_000_000 / nanoseconds) as u64
    }

    /// Descriptors to poll: they are readable when a ring fills up.
    pub(super) fn rings(&self) -> std::io::Result<[OwnedFd; 2]> {
        let watch = |ring: &aya::maps::RingBuf<_>| ring.as_fd().try_clone_to_owned();
        Ok([watch(&self.kernel.samples)?, watch(&self.kernel.late)?])
    }

    /// Sets the programs' time; for tests, with [`Options::test_clock`].
    ///
    /// # Errors
    /// Those of the system call.
    pub fn set_clock(&self, now: u64) -> anyhow::Result<()> {
        Ok(self.kernel.set_clock(now)?)
    }

    /// Runs a metering program, by its name, on one frame, which counts as a packet of the
    /// loopback device; gives its verdict. For tests.
    ///
    /// # Errors
    /// The program is not attached, or the kernel does not take the frame.
    pub fn run_program(&mut self, name: &str, options: TestRunOptions<'_>) -> anyhow::Result<u32> {
        self.kernel.run_program(name, options)
    }

    /// Detaches, waits, writes all that is live, closes the file, unpins.
    ///
    /// # Errors
    /// Where a step failed; the steps behind it are still tried.
    pub fn stop(mut self) -> anyhow::Result<(Summary, T)> {
        let detached = detach(std::mem::take(&mut self.hooks), self.pins.as_ref());
        let summary = self.write_all(sys::boot_time());
        let closed = self.pipeline.close(sys::boot_time());
        detached?;
        // What could not be written stays pinned for the next agent.
        let summary = summary?;
        if let Some(pins) = &self.pins {
            pins.remove().context("unpinning")?;
        }
        let tap = closed.context("closing the file; its spool stays")?;
        Ok((summary, tap))
    }

    /// Writes all that is live at `now` (nanoseconds since boot), when no hook brings packets any
    /// more: what [`Agent::stop`] does, and tests with a clock of their own.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn write_all(&mut self, now: u64) -> anyhow::Result<Summary> {
        sys::grace_period().context("waiting for running programs")?;
        self.pass(now, false)?;
        // A seed that goes back in on one round leaves on the next.
        let mut round = 0;
        while round < 2 || (!self.closer.seeds.is_empty() && round < MAX_ROUNDS) {
            round += 1;
            self.pass(now + round, true)?;
        }
        let books = Books::sum(&self.kernel.books.read()?);
        let mut live = Tally::default();
        self.kernel
            .flows
            .walk(|flow| live = live.plus(flow.entry.unwritten()))?;
        let written = self.taken().written;
        Ok(Summary {
            balance: Balance::at_rest(&books, live, written, self.lost_in_crash),
            books,
            written,
            unwritten: self.unwritten(),
            flows: self.flows_written(),
            lost_in_crash: self.lost_in_crash,
        })
    }
}

/// Loads and attaches; the order keeps the time without a program short.
fn attached(
    options: &Options,
    interfaces: &[Interface],
    pins: Option<&PinFolder>,
) -> anyhow::Result<(Kernel, Vec<Attachment>)> {
    sys::grace_period().context(
        "this kernel can't wait for running programs (nohz_full); closing would not be exact",
    )?;
    let mut kernel = Kernel::load(interfaces, options, pins)?;
    let kept = options.pin.then_some(pins).flatten();
    let mut hooks = Vec::new();
    for (object, interface) in kernel.objects.iter_mut().zip(interfaces) {
        hooks.extend(attach::attach(object, interface, options, kept)?);
    }
    for hook in &hooks {
        info!("attached: {}", hook.description);
    }
    Ok((kernel, hooks))
}

fn pipeline<T: Tap>(
    mut config: PipelineConfig,
    kernel: &Kernel,
    tap: T,
) -> anyhow::Result<Pipeline<T>> {
    config.sink.lineage = Lineage(kernel.lineage);
    let pipeline = Pipeline::new(config, tap)?;
    report_recovery(pipeline.recovered());
    Ok(pipeline)
}

/// All of them, whatever becomes of one.
fn detach(hooks: Vec<Attachment>, pins: Option<&OpenPins>) -> anyhow::Result<()> {
    let detached: Vec<_> = hooks.into_iter().map(|hook| hook.detach(pins)).collect();
    detached.into_iter().collect()
}

/// More than the rounds in which the largest ring of late packets passes through the seeds.
const MAX_ROUNDS: u64 = 64;

/// How boot time and UTC stand to each other now.
#[must_use]
pub fn wall_clock() -> WallClock {
    let offset = i128::from(sys::wall_time()) - i128::from(sys::boot_time());
    WallClock {
        boot_to_utc_offset_ns: i64::try_from(offset).unwrap_or(0),
    }
}
