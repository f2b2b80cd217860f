//! The agent: what it holds, how it starts, ticks and stops. Synchronous, time is an argument;
//! `serve` drives it.

use std::{
    collections::HashSet,
    os::fd::{AsFd, OwnedFd},
};

use anyhow::{Context, bail};
use collector_common::{
    books::Books,
    expiry::{self, End},
    flow::{Flow, Owned},
    key::FlowKey,
    schema::Lineage,
    settings::{SECOND, Sweep},
    wire::Tally,
};
use tracing::{info, warn};

use super::{
    Options,
    attach::{self, Attachment},
    conservation::{Amount, Balance, Status, Taken, by_hook, by_reason},
    interface::{Interface, refuse_stacked},
    kernel::{Kernel, pin_folder},
    pins::{Instance, Lock, PinFolder, folders_naming},
    rings, seeds,
    seeds::Seeds,
    sys,
};
use crate::{
    pipeline::{Pipeline, PipelineConfig, Tap, WallClock},
    record::RecordId,
    sink::{Outside, recover::Recovered},
};

/// A running meter.
pub struct Agent<T: Tap> {
    kernel: Kernel,
    hooks: Vec<Attachment>,
    pipeline: Pipeline<T>,
    seeds: Seeds,
    interfaces: Vec<Interface>,
    options: Options,
    instance: Instance,
    pins: Option<PinFolder>,
    /// Of late packets, what is in records: see [`Taken`].
    late_written: Tally,
    lost_in_crash: Tally,
    /// Of the last record that never had an entry.
    late_id: u64,
    /// The last pass whose cuts are on disk.
    committed: u64,
    /// For the packet rate: seen at the last two ticks, and when.
    rate: [(u64, u64); 2],
    started: u64,
    watch: HookWatch,
    fullness: Fullness,
    _lock: Lock,
}

/// Ids of records that never had an entry: above those of any CPU's flows, and counted from the
/// time since boot in microseconds, so that those of the next agent are others.
const LATE_IDS: u64 = 0xffff << 48;

/// What an agent did, for its last line and for tests.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The kernel's counters at the end.
    pub books: Books,
    /// In records and counters.
    pub written: Tally,
    /// Records and failed flows.
    pub flows: u64,
    /// Late packets that killed agents had read and not yet put anywhere.
    pub lost_in_crash: Tally,
    /// Whether everything seen is somewhere; exact, since nothing arrives any more.
    pub balance: Balance,
}

impl<T: Tap> Agent<T> {
    /// Loads, takes over what a crash left, attaches.
    ///
    /// # Errors
    /// Says what is missing and what to do; nothing of ours stays behind then, except what a
    /// crashed agent had left before.
    pub fn start(options: Options, config: PipelineConfig, tap: T) -> anyhow::Result<Self> {
        refuse_old_kernel()?;
        let named = options.interfaces.iter().map(|name| Interface::named(name));
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
        let started = Self::attached(&options, &interfaces, config, tap, pins);
        if fresh && (started.is_err() || !options.pin) {
            folder
                .remove()
                .with_context(|| "unpinning after the start")?;
        }
        let (kernel, hooks, pipeline) = started?;
        let now = sys::boot_time();
        let committed = now;
        let watch = HookWatch::new(&interfaces, &kernel)?;
        let pins = options.pin.then_some(folder);
        let mut agent = Self {
            kernel,
            hooks,
            pipeline,
            seeds: Seeds::default(),
            interfaces,
            options,
            instance,
            pins,
            late_written: Tally::default(),
            lost_in_crash: Tally::default(),
            late_id: LATE_IDS | (now / 1_000),
            committed: if fresh { committed } else { 0 },
            rate: [(0, now); 2],
            started: now,
            watch,
            fullness: Fullness::default(),
            _lock: lock,
        };
        agent.inherit()?;
        Ok(agent)
    }

    /// Loads and attaches; the order keeps the time without a program short.
    fn attached(
        options: &Options,
        interfaces: &[Interface],
        mut config: PipelineConfig,
        tap: T,
        pins: Option<&PinFolder>,
    ) -> anyhow::Result<(Kernel, Vec<Attachment>, Pipeline<T>)> {
        sys::grace_period().context(
            "this kernel can't wait for running programs (nohz_full); closing would not be exact",
        )?;
        let mut kernel = Kernel::load(interfaces, options, pins)?;
        config.sink.lineage = Lineage(kernel.lineage);
        let pipeline = Pipeline::new(config, tap)?;
        report_recovery(pipeline.recovered());
        let kept = options.pin.then_some(pins).flatten();
        let mut hooks = Vec::new();
        for (object, interface) in kernel.objects.iter_mut().zip(interfaces) {
            hooks.extend(attach::attach(object, interface, options, kept)?);
        }
        for hook in &hooks {
            info!("attached: {}", hook.description);
        }
        Ok((kernel, hooks, pipeline))
    }

    /// After a crash: what the dead agent had read from the ring and put nowhere is lost, and it
    /// is known how much: the records say how many were sent before them.
    fn inherit(&mut self) -> anyhow::Result<()> {
        self.late_written = self.pipeline.written().late_written.into();
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
                sum.plus(self.seeds.read_before(cpu as u32, books.late))
            });
        self.lost_in_crash = read.since(settled.plus(self.late_written));
        info!(
            lost_packets = self.lost_in_crash.packets,
            "took over the maps and hooks of an agent that did not stop cleanly"
        );
        // Settles what was half done, so that the books hold from the first reading.
        self.pass(sys::boot_time(), false)
    }

    /// Empties the rings of what they hold at the moment. Cheap when they are empty.
    pub fn drain(&mut self) {
        let pipeline = &mut self.pipeline;
        let rings = [self.options.sample_ring, self.options.late_ring];
        rings::drain_samples(&mut self.kernel.samples, rings[0], |header, bytes| {
            pipeline.sample(header, bytes);
        });
        let seeds = &mut self.seeds;
        if seeds.has_room() {
            rings::drain_late(&mut self.kernel.late, rings[1], |late| seeds.add(late));
        }
    }

    /// One tick: closes what is due at `now` (nanoseconds since boot), writes and syncs it, puts
    /// late packets back.
    ///
    /// # Errors
    /// System calls that should not fail. A disk that can't be written is no error here: the
    /// pipeline keeps or counts what waits.
    pub fn tick(&mut self, now: u64) -> anyhow::Result<()> {
        self.pass(now, false)?;
        let books = Books::sum(&self.kernel.books.read()?);
        self.rate = [self.rate[1], (books.seen_total().packets, now)];
        self.fullness.look(&books, now);
        self.watch.look(&self.interfaces, &self.kernel);
        Ok(())
    }

    /// A pass over the table. The order makes it exact: mark, wait until nobody adds any more,
    /// read, write, sync, delete; only then do packets of these keys open new entries.
    fn pass(&mut self, now: u64, all: bool) -> anyhow::Result<()> {
        self.drain();
        let parameters = Sweep {
            now,
            pass: now,
            committed: self.committed,
            all: all.into(),
            timeouts: self.options.timeouts,
        };
        let due = self
            .kernel
            .sweep(&parameters)
            .context("sweeping the flow table")?;
        if !due.is_empty() {
            sys::grace_period().context("waiting for running programs")?;
            self.drain();
        }
        self.pipeline.set_clock(wall_clock());
        let closing = self.write_due(&due, all)?;
        let next = self.put_back(&closing)?;
        self.commit(now);
        for key in &closing {
            self.kernel
                .flows
                .delete(key)
                .context("deleting a closed flow")?;
        }
        self.committed = now;
        self.plant_or_write(&next)?;
        self.commit(now);
        Ok(())
    }

    /// Writes a record for each due key and returns those that are to be deleted.
    fn write_due(&mut self, due: &[FlowKey], all: bool) -> anyhow::Result<HashSet<FlowKey>> {
        let mut closing = HashSet::with_capacity(due.len());
        for key in due {
            let entry = self
                .kernel
                .flows
                .get(key)
                .context("reading a closing flow")?;
            let Some(entry) = entry else { continue };
            let mut flow = Flow { key: *key, entry };
            // It may be closing already, by a packet: what came behind the snapshot is for the
            // next pass, which commits the cut first.
            if !entry.is_closing() {
                self.write(&flow, End::Active);
                continue;
            }
            closing.insert(*key);
            let natural = expiry::natural_end(&entry);
            let end = if all && !expiry::has_ended(&entry) {
                End::Shutdown
            } else {
                natural
            };
            // A crash came between its record and its deletion: stragglers make a record of
            // their own.
            if self.pipeline.already_written(&record_id(&flow)) {
                continue;
            }
            if let Some(rest) = self.seeds.take_rest_of(&flow) {
                flow.entry.absorb::<Owned>(&rest);
                self.late_written = self.late_written.plus(seeds::total(&rest));
            }
            self.write(&flow, end);
        }
        Ok(closing)
    }

    fn write(&mut self, flow: &Flow, end: End) {
        let counts = flow.entry.counts();
        // A part without packets is no record; one in the spool already is not written again.
        let known = self.pipeline.already_written(&record_id(flow));
        if counts[0].plus(counts[1]).packets > 0 && !known {
            self.pipeline.flow_ended(flow, counts, end);
        }
    }

    /// Late packets go back into the table, or are written as they are where it is full. Those
    /// whose key is being closed wait until it is gone: they are returned.
    fn put_back(&mut self, closing: &HashSet<FlowKey>) -> anyhow::Result<Vec<Flow>> {
        let (open, finished) = self.seeds.take();
        for flow in finished {
            self.write_late(&flow, expiry::natural_end(&flow.entry));
        }
        let (next, open): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|flow| closing.contains(&flow.key));
        self.plant_or_write(&open)?;
        Ok(next)
    }

    /// Seeds go into the table, or are written where there is no room. A flow that began to
    /// close, or was made by a packet, at the same moment takes its seed at the next tick.
    fn plant_or_write(&mut self, seeds: &[Flow]) -> anyhow::Result<()> {
        let planted = self
            .kernel
            .plant(seeds)
            .context("putting late packets back")?;
        let refused = seeds.iter().zip(planted).filter(|(_, planted)| !planted);
        for (flow, _) in refused {
            let entry = self.kernel.flows.get(&flow.key)?;
            if entry.is_some_and(|entry| entry.ifindex == flow.entry.ifindex) {
                self.seeds.keep(flow);
            } else {
                self.write_late(flow, End::Overflow);
            }
        }
        Ok(())
    }

    fn write_late(&mut self, flow: &Flow, end: End) {
        let mut flow = *flow;
        self.late_id += 1;
        flow.entry.id = self.late_id;
        self.late_written = self.late_written.plus(seeds::total(&flow.entry));
        self.pipeline.flow_ended(&flow, flow.entry.counts(), end);
    }

    fn commit(&mut self, now: u64) {
        let outside = Outside {
            late_written: self.late_written,
            lost_in_crash: self.lost_in_crash,
        };
        let done = self
            .pipeline
            .commit(outside)
            .and_then(|()| self.pipeline.rotate(now));
        if let Err(error) = done {
            warn!("writing: {error:#}; records wait in memory, then they are counted as unwritten");
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
            uptime: (now - self.started) / 1_000_000_000,
            live_flows: flows,
            table_size: self.options.table_size.into(),
            live: live.into(),
            written: taken.written.into(),
            flows_written: self.flows_written(),
            seen: by_hook(&after.seen),
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
            late_written: self.late_written,
        }
    }

    fn flows_written(&self) -> u64 {
        self.pipeline.written().written.flows
    }

    fn packets_per_second(&self) -> u64 {
        let [(earlier, then), (later, now)] = self.rate;
        let nanoseconds = u128::from((now - then).max(1));
        (u128::from(later.saturating_sub(earlier)) * 1_000_000_000 / nanoseconds) as u64
    }

    /// The instance's name, for its socket.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.instance
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

    /// The loaded programs of the first interface; for tests that run them by hand.
    pub fn object(&mut self) -> Option<&mut aya::Ebpf> {
        self.kernel.objects.first_mut()
    }

    /// Detaches, waits, writes all that is live, closes the file, unpins.
    ///
    /// # Errors
    /// Where a step failed; the steps behind it are still tried.
    pub fn stop(mut self) -> anyhow::Result<(Summary, T)> {
        for hook in std::mem::take(&mut self.hooks) {
            hook.detach()?;
        }
        sys::grace_period().context("waiting for running programs")?;
        let now = sys::boot_time();
        self.pass(now, false)?;
        // A seed that went back in on the first round leaves on the second.
        for round in 1..=2 {
            self.pass(now + round, true)?;
        }
        let books = Books::sum(&self.kernel.books.read()?);
        let mut live = Tally::default();
        self.kernel
            .flows
            .walk(|flow| live = live.plus(flow.entry.unwritten()))?;
        let balance = Balance::at_rest(&books, live, self.taken().written, self.lost_in_crash);
        if let Some(pins) = &self.pins {
            pins.remove().context("unpinning")?;
        }
        let summary = Summary {
            books,
            written: self.taken().written,
            flows: self.flows_written(),
            lost_in_crash: self.lost_in_crash,
            balance,
        };
        let tap = self
            .pipeline
            .close(now)
            .context("closing the file; its spool stays")?;
        Ok((summary, tap))
    }
}

/// The oldest kernel that the programs were tried on.
const OLDEST: (u32, u32) = (6, 1);

/// # Errors
/// A kernel before [`OLDEST`]; one that gives no number is tried.
fn refuse_old_kernel() -> anyhow::Result<()> {
    let name = nix::sys::utsname::uname().context("asking for the kernel's version")?;
    let release = name.release().to_string_lossy().into_owned();
    if version_of(&release).is_some_and(|version| version < OLDEST) {
        let (major, minor) = OLDEST;
        bail!("Linux {major}.{minor} or newer is needed, and this is {release}");
    }
    Ok(())
}

/// `6.1` of `6.1.0-28-amd64`.
fn version_of(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What a crash left on the disk, and could not be taken up.
fn report_recovery(recovered: &Recovered) {
    if recovered.torn_bytes > 0 {
        warn!(
            bytes = recovered.torn_bytes,
            "cut off an unfinished frame behind a spool"
        );
    }
    for error in &recovered.left {
        warn!("a spool stays as it is: {error}");
    }
}

/// Pins that this agent would neither take over nor remove: programs of a dead one count on there.
fn refuse_pins(
    options: &Options,
    interfaces: &[Interface],
    ours: &PinFolder,
) -> anyhow::Result<()> {
    let found = folders_naming(&options.pin_root, interfaces)?;
    let foreign =
        |folder: &&PinFolder| folder.path() != ours.path() || (!options.pin && folder.holds_maps());
    if let Some(folder) = found.iter().find(foreign) {
        bail!(
            "a dead agent of another version, of another set of interfaces or without --no-pin \
             left programs and counts in {}; start the same once more to write them, or drop them \
             with `collector detach --iface {}`",
            folder.path().display(),
            options.interfaces.join(" --iface ")
        );
    }
    Ok(())
}

fn record_id(flow: &Flow) -> RecordId {
    RecordId {
        flow: flow.entry.id,
        part: flow.entry.part,
    }
}

/// Whether the hooks see what the interfaces count: another program may hide ours.
struct HookWatch {
    /// Counters of the interfaces when the agent started.
    base: [Tally; 2],
    seen_base: [Tally; 2],
    looks: u32,
    told: [bool; 2],
}

/// Ticks after which a hook that saw nothing is reported.
const PATIENCE: u32 = 5;

impl HookWatch {
    fn new(interfaces: &[Interface], kernel: &Kernel) -> anyhow::Result<Self> {
        let seen_base = Books::sum(&kernel.books.read()?).seen;
        Ok(Self {
            base: sum_counters(interfaces),
            seen_base,
            looks: 0,
            told: [false; 2],
        })
    }

    fn interface_counters(&self, interfaces: &[Interface]) -> [Tally; 2] {
        let named = interfaces
            .iter()
            .filter_map(|one| Interface::named(&one.name).ok());
        let now = sum_counters(&named.collect::<Vec<_>>());
        [now[0].since(self.base[0]), now[1].since(self.base[1])]
    }

    fn look(&mut self, interfaces: &[Interface], kernel: &Kernel) {
        if self.told == [true; 2] {
            return;
        }
        let Ok(cpus) = kernel.books.read() else {
            return;
        };
        let books = Books::sum(&cpus);
        let counted = self.interface_counters(interfaces);
        self.looks += 1;
        for hook in collector_common::books::Hook::ALL {
            let index = hook as usize;
            let hook = hook.as_str();
            let seen = books.seen[index].since(self.seen_base[index]).packets;
            if self.told[index] {
                continue;
            }
            if seen > 0 {
                info!(hook, packets = seen, "the hook sees packets");
                self.told[index] = true;
            } else if counted[index].packets > 0 && self.looks >= PATIENCE {
                warn!(
                    hook,
                    packets = counted[index].packets,
                    "the interface carries packets that the hook does not see: another program \
                     on it ends the chain before ours (`bpftool net`)"
                );
                self.told[index] = true;
            }
        }
    }
}

/// Says when the table or a ring is too small, at most once a minute.
#[derive(Default)]
struct Fullness {
    told: Books,
    told_at: Option<u64>,
}

impl Fullness {
    fn look(&mut self, books: &Books, now: u64) {
        let quiet = 60 * SECOND;
        if self
            .told_at
            .is_some_and(|then| now.saturating_sub(then) < quiet)
        {
            return;
        }
        let overflow = books.overflow.saturating_sub(self.told.overflow);
        let samples = books.samples_lost.saturating_sub(self.told.samples_lost);
        if overflow > 0 {
            warn!(
                packets = overflow,
                "the flow table was full; these packets are in records of their own (see \
                 --table-size)"
            );
        }
        if samples > 0 {
            warn!(
                samples,
                "the ring of payload samples was full; labels suffer (see --sample-ring)"
            );
        }
        if overflow + samples > 0 {
            self.told = *books;
            self.told_at = Some(now);
        }
    }
}

fn sum_counters(interfaces: &[Interface]) -> [Tally; 2] {
    interfaces.iter().fold([Tally::default(); 2], |sum, one| {
        [sum[0].plus(one.counters[0]), sum[1].plus(one.counters[1])]
    })
}

/// How boot time and UTC stand to each other now.
#[must_use]
pub fn wall_clock() -> WallClock {
    let offset = i128::from(sys::wall_time()) - i128::from(sys::boot_time());
    WallClock {
        boot_to_utc_offset_ns: i64::try_from(offset).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn a_kernel_release_starts_with_its_version() {
        assert_eq!(version_of("6.1.0-28-amd64"), Some((6, 1)));
        assert_eq!(version_of("5.15.0"), Some((5, 15)));
        assert_eq!(version_of("nonsense"), None);
    }
}
