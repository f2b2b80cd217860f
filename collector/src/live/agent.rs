//! The agent: what it holds, how it starts, ticks and stops. Synchronous, time is an argument;
//! `serve` drives it.

mod attached;
mod gauges;
mod preflight;
mod table;
mod told;
mod watch;

use std::os::fd::OwnedFd;

use anyhow::Context;
use aya::programs::TestRunOptions;
use collector_common::{books::Books, schema::Counters, wire::Tally};
use gauges::Gauges;
use jiff::Timestamp;
use preflight::refuse_old_kernel;
use tracing::info;
use watch::{DiskWatch, Fullness, HookWatch, Pressure, report_recovery};

pub use attached::Attached;

use super::{
    Options,
    attach::{self, Attachment},
    conservation::{Balance, ConsensusStatus, Sweeps, Taken},
    drains::Drains,
    host::{Clocks, Ended, HostWatch},
    interface::{Interface, refuse_stacked},
    kernel::{Kernel, pin_folder},
    leftover::{Leftover, Leftovers, Opened},
    pins::{Lock, OpenPins, PinFolder},
    surroundings::Lookout,
    sys,
};
use crate::{
    closing::{Closer, Kind, Seeds},
    locate::leg,
    pipeline::{Pipeline, PipelineConfig, Tap, WallClock},
    rights::{NeedsRights, Rights, files},
    settings::Choices,
    sink::{entry::Lineage, trouble::Undone},
    watching::told::Told,
};

/// A running meter.
pub struct Agent<T: Tap> {
    kernel: Kernel,
    hooks: Vec<Attachment>,
    /// Without them the agent empties the rings alone.
    drains: Option<Drains>,
    pipeline: Pipeline<T>,
    closer: Closer,
    host: HostWatch,
    /// Why it can't go on.
    ended: Option<Ended>,
    options: Options,
    pins: Option<OpenPins>,
    rights: Rights,
    lost_in_crash: Tally,
    /// Flows of maps of another version.
    lost_in_upgrade: u64,
    /// The kernel's, of the last tick, as records' files tell them.
    counters: Counters,
    disk: DiskWatch,
    sweeps: Sweeps,
    gauges: Gauges,
    /// What the metrics page tells of traffic.
    told: Told,
    started: u64,
    watch: HookWatch,
    fullness: Fullness,
    pressure: Pressure,
    /// Looks at what may change under way.
    lookout: Option<Lookout>,
    /// The consensus files, as they were last seen.
    consensus: Vec<leg::Status>,
    /// The wall clock is off by so much, nanoseconds; for tests.
    wall_step: i64,
    _lock: Lock,
}

/// What is in the kernel.
struct Loaded {
    kernel: Kernel,
    hooks: Vec<Attachment>,
    /// What is to be written out first.
    left: Opened,
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
    /// What ended it, where nobody asked it to.
    pub ended: Option<Ended>,
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
        let named = options.interfaces.iter().map(|name| Interface::named(name));
        let interfaces: Vec<_> = named.collect::<Result<_, _>>()?;
        refuse_stacked(&interfaces)?;
        let lock = Lock::take(&options.run_root, &interfaces)?;
        let (instance, folder) = pin_folder(&options, &interfaces)?;
        let left = Leftovers::find(&options, &interfaces, &folder)?;
        // Several objects find each other's maps by pins, which --no-pin takes away afterwards.
        let shared = options.pin || interfaces.len() > 1;
        if shared {
            folder.create()?;
        }
        let fresh = !folder.holds_maps();
        let pins = shared.then_some(&folder);
        let loaded = load(&options, &interfaces, left, pins);
        if fresh && (loaded.is_err() || !options.pin) {
            folder
                .remove()
                .with_context(|| "unpinning after the start")?;
        }
        let mut loaded = loaded?;
        let pins = options.pin.then(|| folder.open()).transpose()?;
        let watch = HookWatch::new(&interfaces, &loaded.kernel)?;
        let host = HostWatch::begin(&interfaces, Clocks::now()).context("sockets")?;
        let books = Books::sum(&loaded.kernel.books.read()?);
        let gauges = Gauges::new(&options, loaded.kernel.gauges(), books, sys::boot_time())?;
        let moment = Attached::of(&mut loaded, pins.as_ref(), &instance);
        let made = config(moment).and_then(|config| pipeline(config, &options, &loaded, tap));
        let Loaded {
            kernel,
            hooks,
            left,
        } = loaded;
        let pipeline = match made {
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
        let told = Told::new(pipeline.header().level);
        let mut agent = Self {
            kernel,
            hooks,
            drains: None,
            pipeline,
            // A slice takes longer than a nanosecond: those of the next agent have higher numbers.
            closer: Closer::new(Seeds::default(), LATE_IDS | (now / 1_000), now),
            host,
            ended: None,
            options,
            pins,
            rights: Rights::all(),
            lost_in_crash: Tally::default(),
            lost_in_upgrade: 0,
            counters: Counters::default(),
            disk: DiskWatch::default(),
            sweeps: Sweeps::default(),
            gauges,
            told,
            started: now,
            watch,
            fullness: Fullness::default(),
            pressure: Pressure::default(),
            lookout: None,
            consensus: Vec::new(),
            wall_step: 0,
            _lock: lock,
        };
        for leftover in left.readable {
            agent.write_out(leftover)?;
        }
        agent.resume(left.lost_flows)?;
        Ok(agent)
    }

    /// Writes out what a dead agent's maps hold, as its own stop would have, and lets go of them.
    fn write_out(&mut self, left: Leftover) -> anyhow::Result<()> {
        let now = sys::boot_time();
        self.go_on_as(left.kernel.lineage, now)?;
        let closer = Closer::new(Seeds::default(), LATE_IDS | (now / 1_000), now);
        let closer = std::mem::replace(&mut self.closer, closer);
        let kernel = std::mem::replace(&mut self.kernel, left.kernel);
        let options = std::mem::replace(&mut self.options, left.options);
        let written = self.inherit().and_then(|()| self.write_all(now));
        (self.kernel, self.closer, self.options) = (kernel, closer, options);
        let summary = written.context("writing out what a dead agent left")?;
        left.pins.remove().context("unpinning what was left")?;
        info!(
            flows = summary.flows,
            lost_in_crash = summary.lost_in_crash.packets,
            "wrote out what a dead agent left; the new tables are fresh"
        );
        (self.lost_in_crash, self.counters) = Default::default();
        Ok(())
    }

    /// Goes on with its own maps, after all that was left; `lost_flows`: of maps that nobody can read.
    fn resume(&mut self, lost_flows: u64) -> anyhow::Result<()> {
        self.go_on_as(self.kernel.lineage, sys::boot_time())?;
        let before = self.pipeline.written().counters;
        self.host.resume(&before.host);
        self.lost_in_upgrade = before.lost_in_upgrade + lost_flows;
        self.inherit()
    }

    fn go_on_as(&mut self, lineage: u64, now: u64) -> anyhow::Result<()> {
        let clock = self.wall_clock();
        self.pipeline.set_clock(clock);
        Ok(self.pipeline.go_on_as(Lineage(lineage), now)?)
    }

    /// After a crash: what the dead agent had read from the ring and put nowhere is lost, and it
    /// is known how much: the records say how many were sent before them.
    fn inherit(&mut self) -> anyhow::Result<()> {
        self.closer.late_written = self.pipeline.written().late_written.into();
        if !self.kernel.taken_over {
            return Ok(());
        }
        let books = Books::sum(&self.kernel.books.read()?);
        // What is committed before the first tick must not tell of less than the last agent did.
        self.counters = Counters::of(&books);
        let settled = books.settled;
        // Down to the first record that each CPU had left in a ring.
        self.closer.seeds.bound_overflow(false);
        self.drain();
        let cpus = self.kernel.books.read()?;
        // A record that a program still writes would hide those behind it.
        sys::grace_period().context("waiting for running programs")?;
        self.drain();
        self.closer.seeds.bound_overflow(true);
        let read = cpus
            .iter()
            .enumerate()
            .fold(Tally::default(), |sum, (cpu, books)| {
                let seeds = &self.closer.seeds;
                let late = seeds.read_before(Kind::Late, cpu as u32, books.late);
                let overflow = seeds.read_before(Kind::Overflow, cpu as u32, books.overflow);
                sum.plus(late).plus(overflow)
            });
        self.lost_in_crash = read.since(settled.plus(self.closer.late_written));
        info!(
            lost_packets = self.lost_in_crash.packets,
            "took over the maps and hooks of an agent that did not stop cleanly"
        );
        let (flows, _) = self.kernel.flows.live()?;
        self.gauges.counted(flows, &Books::sum(&cpus));
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
        if let Some(drains) = &self.drains {
            drains.check()?;
        }
        self.hear();
        let clocks = self.clocks();
        self.ended = self.host.look(&self.hooks, clocks)?;
        self.pass(now, false)?;
        if self.pipeline.sink().is_homeless() {
            self.ended.get_or_insert(Ended::Homeless);
        }
        let books = Books::sum(&self.kernel.books.read()?);
        self.gauges.look(&books, self.pipeline.samples_shed(), now);
        let queued = self.pipeline.sink().queued() as u64;
        self.gauges.queue_peak = self.gauges.queue_peak.max(queued);
        let minute = self.wall_clock().utc(now).as_second().div_euclid(60);
        self.told.look(self.pipeline.view(), minute);
        self.counters = Counters::of(&books);
        self.fullness.look(&books, now);
        self.pressure.look(&books, now, &self.options.timeouts);
        self.watch.look(self.host.interfaces(), &books);
        Ok(())
    }

    /// Gives the rings threads of their own: from now on, they are emptied while the agent does
    /// something else, and [`Agent::drain`] leaves samples to them.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn begin_draining(&mut self) -> anyhow::Result<()> {
        let percent = self.options.inspect_share;
        let drains = Drains::begin(&self.kernel, self.pipeline.inspectors(), percent);
        self.drains = Some(drains.context("starting the threads that empty the rings")?);
        Ok(())
    }

    /// Why it can't go on since the last tick, though it still can write what it has and stop.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// The host's clocks.
    fn clocks(&self) -> Clocks {
        let mut clocks = Clocks::now();
        clocks.wall += i128::from(self.wall_step);
        clocks
    }

    /// How boot time and UTC stand to each other now.
    fn wall_clock(&self) -> WallClock {
        let mut clock = wall_clock();
        clock.boot_to_utc_offset_ns += self.wall_step;
        clock
    }

    /// From now on the wall clock is off by `step` nanoseconds more; for tests, which leave the
    /// machine's alone.
    pub fn step_wall_clock(&mut self, step: i64) {
        self.wall_step += step;
    }

    /// With somebody who looks at what may change under way.
    #[must_use]
    pub fn with(mut self, lookout: Lookout) -> Self {
        self.lookout = Some(lookout);
        self
    }

    /// Takes up what was chosen anew; what needs a restart is not among it.
    ///
    /// # Errors
    /// The kernel takes no exclusions: then those before hold, or a part of the new ones too, and
    /// nothing else has changed.
    pub fn reload(&mut self, choices: Choices) -> anyhow::Result<()> {
        // Where there was none at the start the programs don't ask.
        if !self.options.exclusions.is_empty() {
            self.kernel.exclude(&choices.exclusions)?;
            self.pipeline.set_exclusions(choices.exclusions.len());
        }
        self.options.timeouts = choices.timeouts;
        let (limits, active) = (choices.limits, choices.timeouts.active);
        self.pipeline
            .set_limits(limits, choices.write_failed, active);
        if let Some(lookout) = &self.lookout {
            lookout.set_rules(choices.users, choices.rules);
        }
        Ok(())
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

    /// Descriptors to poll, of late and of overflow packets: readable when a ring fills up.
    pub(super) fn rings(&self) -> std::io::Result<[OwnedFd; 2]> {
        let late = self.kernel.late.lock().descriptor()?;
        Ok([late, self.kernel.overflow.descriptor()?])
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
        self.drains = None;
        let detached = detach(std::mem::take(&mut self.hooks), self.pins.as_ref());
        let summary = self.write_all(sys::boot_time());
        // What could not be written stays pinned for the next agent. Maps go before the spool that
        // says what was written of them: without it the next agent would count anew what they saw.
        let unpinned = match &self.pins {
            Some(pins) if summary.is_ok() => pins.remove().context("unpinning"),
            _ => Ok(()),
        };
        let closed = self.pipeline.close(sys::boot_time());
        detached?;
        let summary = summary?;
        unpinned?;
        let tap = closed.context("closing the file; its spool stays")?;
        Ok((summary, tap))
    }

    fn awaits_packets(&self) -> bool {
        let emptied = self.kernel.late.lock().is_emptied() && self.kernel.overflow.is_emptied();
        !emptied || !self.closer.seeds.is_empty()
    }

    /// Writes all that is live at `now` (nanoseconds since boot), when no hook brings packets any
    /// more: what [`Agent::stop`] does, and tests with a clock of their own.
    ///
    /// # Errors
    /// System calls that should not fail.
    pub fn write_all(&mut self, now: u64) -> anyhow::Result<Summary> {
        sys::grace_period().context("waiting for running programs")?;
        self.closer.seeds.bound_overflow(false);
        self.counters = Counters::of(&Books::sum(&self.kernel.books.read()?));
        self.pass(now, false)?;
        // A seed that goes back in on one round leaves on the next.
        let mut round = 0;
        while round < 2 || (self.awaits_packets() && round < MAX_ROUNDS) {
            round += 1;
            self.pass(now + round, true)?;
        }
        // The maps may go next, and with them what they say was seen.
        self.disk.note(Undone::Written, self.pipeline.settle());
        let books = Books::sum(&self.kernel.books.read()?);
        let (_, live) = self.kernel.flows.live()?;
        let written = self.taken().written;
        Ok(Summary {
            balance: Balance::at_rest(&books, live, written, self.lost_in_crash),
            books,
            written,
            unwritten: self.unwritten(),
            flows: self.flows_written(),
            lost_in_crash: self.lost_in_crash,
            ended: self.ended.clone(),
        })
    }
}

/// Loads and attaches; the order keeps the time without a program short.
fn load(
    options: &Options,
    interfaces: &[Interface],
    left: Leftovers,
    pins: Option<&PinFolder>,
) -> anyhow::Result<Loaded> {
    sys::grace_period().context(
        "this kernel can't wait for running programs (nohz_full); closing would not be exact",
    )?;
    let mut kernel = Kernel::load(interfaces, options, pins)?;
    let left = left.open(options, interfaces)?;
    let kept = options.pin.then_some(pins).flatten();
    let mut hooks = Vec::new();
    for (object, interface) in kernel.objects.iter_mut().zip(interfaces) {
        let attached = attach::attach(object, interface, options, kept)?;
        for hook in &attached {
            info!("attached: {}", hook.describe(&interface.name));
        }
        hooks.extend(attached);
    }
    Ok(Loaded {
        kernel,
        hooks,
        left,
    })
}

fn pipeline<T: Tap>(
    mut config: PipelineConfig,
    options: &Options,
    loaded: &Loaded,
    tap: T,
) -> anyhow::Result<Pipeline<T>> {
    let first = loaded.left.readable.first().map(|left| &left.kernel);
    config.sink.lineage = Lineage(first.unwrap_or(&loaded.kernel).lineage);
    config.samples.shards = options.sample_rings;
    let pipeline = Pipeline::new(config, tap)?;
    report_recovery(pipeline.recovered());
    Ok(pipeline)
}

/// All of them, whatever becomes of one.
fn detach(hooks: Vec<Attachment>, pins: Option<&OpenPins>) -> anyhow::Result<()> {
    let detached: Vec<_> = hooks.into_iter().map(|hook| hook.detach(pins)).collect();
    detached.into_iter().collect()
}

/// More than the rounds in which the largest rings pass through the seeds.
const MAX_ROUNDS: u64 = 512;

/// How boot time and UTC stand to each other now.
#[must_use]
pub fn wall_clock() -> WallClock {
    let offset = i128::from(sys::wall_time()) - i128::from(sys::boot_time());
    WallClock {
        boot_to_utc_offset_ns: i64::try_from(offset).unwrap_or(0),
    }
}
