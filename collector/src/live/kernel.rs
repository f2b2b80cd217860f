//! Loading: the embedded object, once per interface, all sharing one set of maps.

use std::{
    collections::{HashMap as Names, HashSet},
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
};

use anyhow::{Context, anyhow};
use aya::{
    Btf, Ebpf, EbpfLoader, VerifierLogLevel,
    maps::{Map, MapData, MapInfo, RingBuf},
    programs::{Iter, Program, SchedClassifier, TestRun, TestRunOptions},
};
use collector_common::{
    event::{SEED_HEADER, SEEDS_PER_RUN},
    flow::Flow,
    key::FlowKey,
    names::{self, globals},
    settings::{PortSet, Prefix, Sweep, Timeouts},
};
use parking_lot::Mutex;
use zerocopy::IntoBytes;

use super::{
    Options,
    interface::Interface,
    maps::{BooksMap, FlowTable, TypedMap},
    pins::{Declared, Instance, PinFolder, map_number},
    rings::{LateRing, Ring},
    sys,
};
use crate::{
    exclusion::{Exclusion, flattened},
    watching::health::Gauge,
};

/// The kernel object; empty where the agent was built without it.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/kernel-object"));

/// Keys in what the kernel hands over at a time: 32 KiB (`bpf_seq_read` in kernel/bpf/bpf_iter.c).
const KEYS_PER_READ: usize = (32 << 10) / size_of::<FlowKey>();

/// Key of one rule of the exclusion trie (`struct bpf_lpm_trie_key`).
#[repr(C)]
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
)]
pub(super) struct TrieKey {
    bits: u32,
    prefix: Prefix,
}

/// An experimental type of frames (IEEE 802): the kernel looks at nothing else of them.
const SEED_TYPE: [u8; 2] = [0x88, 0xb5];

/// What the agent holds of the kernel's side.
pub(super) struct Kernel {
    /// One object an interface, in the order of the options.
    pub(super) objects: Vec<Ebpf>,
    pub(super) flows: FlowTable,
    pub(super) books: BooksMap,
    /// Those in use: each flow's samples are in one of them.
    pub(super) samples: Vec<Arc<Mutex<Ring>>>,
    pub(super) late: Arc<Mutex<LateRing>>,
    pub(super) overflow: Ring,
    sweep: TypedMap<u32, Sweep>,
    clock: TypedMap<u32, u64>,
    excluded: TypedMap<TrieKey, PortSet>,
    iterator: OwnedFd,
    /// The iterator on its way through the table.
    walk: Option<File>,
    /// Names the life of the maps: spools of another life do not count towards these books.
    pub(super) lineage: u64,
    /// Maps were found from an agent that did not stop cleanly.
    pub(super) taken_over: bool,
}

impl Kernel {
    /// Loads the programs; `pins` is where maps are shared between objects and kept over a crash.
    ///
    /// # Errors
    /// An object that is not there, a verifier's refusal (with its log), pinned maps of another
    /// shape, missing rights.
    pub(super) fn load(
        interfaces: &[Interface],
        options: &Options,
        pins: Option<&PinFolder>,
    ) -> anyhow::Result<Self> {
        if OBJECT.is_empty() {
            return Err(anyhow!(
                "this binary was built without the kernel programs; build it with \
                 `cargo xtask build`"
            ));
        }
        let taken_over = pins.is_some_and(PinFolder::holds_maps);
        if let Some(pins) = pins {
            check_pins(pins, options)?;
        }
        let btf = Btf::from_sys_fs().context(
            "reading /sys/kernel/btf/vmlinux: the kernel must be built with CONFIG_DEBUG_INFO_BTF",
        )?;
        let mut objects = Vec::new();
        for interface in interfaces {
            objects.push(load_object(&btf, interface, options, pins)?);
        }
        let first = objects.first_mut().context("no interface is named")?;
        let flows = FlowTable::open(data(first, names::FLOWS)?, names::FLOWS)?;
        let number = map_number(data(first, names::FLOWS)?)?;
        let iterator = start_sweeper(first, &btf, &flows)?;
        let seeder: &mut SchedClassifier = program(first, names::SEED_FLOWS)?.try_into()?;
        seeder.load().map_err(verifier_log)?;
        let excluded = TypedMap::open(data(first, names::EXCLUDED)?, names::EXCLUDED)?;
        exclude(&excluded, &flattened(&options.exclusions)?)?;
        Ok(Self {
            flows,
            books: BooksMap::open(data(first, names::BOOKS)?)?,
            sweep: TypedMap::open(data(first, names::SWEEP)?, names::SWEEP)?,
            clock: TypedMap::open(data(first, names::CLOCK)?, names::CLOCK)?,
            samples: sample_rings(first, options)?,
            late: Arc::new(Mutex::new(LateRing::new(ring(
                first,
                names::LATE,
                options,
            )?))),
            overflow: ring(first, names::OVERFLOW, options)?,
            excluded,
            iterator,
            walk: None,
            lineage: lineage(number)?,
            taken_over,
            objects,
        })
    }

    /// How full each ring is found, by name.
    pub(super) fn gauges(&self) -> Vec<(String, Arc<Gauge>)> {
        let samples = self.samples.iter().enumerate();
        let samples =
            samples.map(|(number, ring)| (format!("samples{number}"), ring.lock().gauge()));
        let late = ("late".to_owned(), self.late.lock().gauge());
        let overflow = ("overflow".to_owned(), self.overflow.gauge());
        samples.chain([late, overflow]).collect()
    }

    /// Makes each kind of call that a running agent makes, to no effect.
    ///
    /// # Errors
    /// A call that the kernel refuses, as without a right.
    pub(super) fn probe(&mut self) -> anyhow::Result<()> {
        let key = FlowKey::default();
        self.books.read().context("reading a map")?;
        self.flows.get(&key).context("reading a map")?;
        self.flows
            .delete_all(&[key])
            .context("deleting from a map")?;
        // It visits nothing: a visit tells an entry, and may take an older agent's cut for written.
        let never = Sweep {
            now: 0,
            pass: 0,
            since: 0,
            committed: 0,
            all: 0,
            visits: 0,
            timeouts: Timeouts::DEFAULT,
        };
        self.sweep(&never, &mut Vec::new())
            .context("running the sweep")?;
        // The first pass is to begin with the first entry.
        self.walk = None;
        // Too short for a seed, and of the type of those frames.
        let mut frame = [0; 60];
        frame[12..14].copy_from_slice(&SEED_TYPE);
        let run = TestRunOptions {
            data_in: Some(&frame),
            ..TestRunOptions::new()
        };
        self.seeder()?.test_run(run).context("running a program")?;
        Ok(())
    }

    fn seeder(&mut self) -> anyhow::Result<&mut SchedClassifier> {
        let first = self.objects.first_mut().context("no object is loaded")?;
        Ok(program(first, names::SEED_FLOWS)?.try_into()?)
    }

    /// Goes on in the walk over the table, or begins one: marks what is due and adds its keys to
    /// `due`. False when the walk is over.
    ///
    /// # Errors
    /// Those of the system calls.
    pub(super) fn sweep(&mut self, step: &Sweep, due: &mut Vec<FlowKey>) -> io::Result<bool> {
        self.sweep.set(&0, step)?;
        let walk = match &mut self.walk {
            Some(walk) => walk,
            walk => walk.insert(sys::start_iterator(&self.iterator)?),
        };
        let mut keys = [FlowKey::default(); KEYS_PER_READ];
        match walk.read(keys.as_mut_bytes()) {
            Ok(0) => {
                self.walk = None;
                Ok(false)
            }
            Ok(bytes) => {
                due.extend_from_slice(&keys[..bytes / size_of::<FlowKey>()]);
                Ok(true)
            }
            // It visited as many entries as it was to, or as the kernel lets it (a million), and
            // none was due.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Puts seeds into the table; true for each that is in.
    ///
    /// # Errors
    /// Those of BPF_PROG_TEST_RUN.
    pub(super) fn plant(&mut self, seeds: &[Flow]) -> anyhow::Result<Vec<bool>> {
        let mut planted = Vec::with_capacity(seeds.len());
        let seeder = self.seeder()?;
        for batch in seeds.chunks(SEEDS_PER_RUN) {
            let mut frame = vec![0; SEED_HEADER];
            frame[12..14].copy_from_slice(&SEED_TYPE);
            frame.extend_from_slice(batch.as_bytes());
            let run = TestRunOptions {
                data_in: Some(&frame),
                ..TestRunOptions::new()
            };
            let done = seeder.test_run(run)?.return_value;
            planted.extend((0..batch.len()).map(|index| done >> index & 1 == 1));
        }
        Ok(planted)
    }

    /// From now on, these are not metered; for programs that ask, because there were some before.
    ///
    /// # Errors
    /// More than the map takes, or those of the system calls.
    pub(super) fn exclude(&self, exclusions: &[Exclusion]) -> anyhow::Result<()> {
        exclude(&self.excluded, &flattened(exclusions)?)
    }

    /// Runs a loaded program of the first object once; gives its verdict.
    ///
    /// # Errors
    /// The program is not loaded, or the kernel does not take the options.
    pub(super) fn run_program(
        &mut self,
        name: &str,
        options: TestRunOptions<'_>,
    ) -> anyhow::Result<u32> {
        let first = self.objects.first_mut().context("no object is loaded")?;
        let result = match program(first, name)? {
            Program::Xdp(xdp) => xdp.test_run(options),
            other => <&mut SchedClassifier>::try_from(other)?.test_run(options),
        };
        Ok(result?.return_value)
    }

    /// Sets the time that the programs read when [`Options::test_clock`] is on, nanoseconds.
    ///
    /// # Errors
    /// Those of the system call.
    pub(super) fn set_clock(&self, now: u64) -> std::io::Result<()> {
        self.clock.set(&0, &now)
    }
}

/// The object as parsed, for checks before anything is loaded.
pub(super) fn parsed() -> anyhow::Result<aya_obj::Object> {
    Ok(aya_obj::Object::parse(OBJECT)?)
}

/// Bytes of the smallest ring.
const PAGE: u32 = 4096;

/// Map sizes that the operator sets: entries of the table, bytes of the rings.
fn sizes(options: &Options) -> Names<&'static str, u32> {
    let mut sizes = Names::from([
        (names::FLOWS, options.table_size),
        (names::LATE, options.late_ring),
        (names::OVERFLOW, options.late_ring),
    ]);
    let rings = options.sample_rings;
    for (name, number) in names::SAMPLES.into_iter().zip(0..) {
        let size = if number < rings {
            options.sample_ring / rings
        } else {
            0
        };
        sizes.insert(name, size.max(PAGE));
    }
    sizes
}

/// Whether this binary can go on with the maps in `pins`.
pub(super) fn fits(pins: &PinFolder, options: &Options) -> bool {
    parsed().is_ok() && check_pins(pins, options).is_ok()
}

/// `options` with the sizes of the maps that a dead agent left in `pins`.
///
/// # Errors
/// A map is not there.
pub(super) fn sized_as(pins: &PinFolder, options: &Options) -> anyhow::Result<Options> {
    let size = |name: &str| -> anyhow::Result<u32> {
        Ok(MapInfo::from_pin(pins.join(name))?.max_entries())
    };
    let sizes = names::SAMPLES.map(size).into_iter();
    let rings = sizes.collect::<anyhow::Result<Vec<_>>>()?;
    // Those that are not used are the smallest that there is.
    let used = rings.iter().filter(|&&size| size > PAGE).count().max(1) as u32;
    Ok(Options {
        table_size: size(names::FLOWS)?,
        sample_ring: rings[0] * used,
        sample_rings: used,
        late_ring: size(names::LATE)?,
        ..options.clone()
    })
}

fn check_pins(pins: &PinFolder, options: &Options) -> anyhow::Result<()> {
    let object = parsed()?;
    let sizes = sizes(options);
    for name in names::MAPS {
        let map = object
            .maps
            .get(name)
            .with_context(|| format!("no map {name} in the object"))?;
        pins.check(name, &Declared::from_object(map, sizes.get(name).copied()))?;
    }
    Ok(())
}

fn load_object(
    btf: &Btf,
    interface: &Interface,
    options: &Options,
    pins: Option<&PinFolder>,
) -> anyhow::Result<Ebpf> {
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(btf))
        .verifier_log_level(VerifierLogLevel::DEBUG | VerifierLogLevel::STATS);
    for (name, size) in sizes(options) {
        loader.map_max_entries(name, size);
    }
    if let Some(pins) = pins {
        for name in names::MAPS {
            loader.map_pin_path(name, pins.join(name));
        }
    }
    let link = interface.link as u32;
    let sampling = u32::from(options.sample_payload);
    let excluding = u32::from(!options.exclusions.is_empty());
    let test_clock = u32::from(options.test_clock);
    let rings = options.sample_rings;
    let wake = u64::from(options.late_ring.min(options.sample_ring / rings) / 4);
    loader
        .override_global(globals::LINK, &link, true)
        .override_global(globals::SAMPLING, &sampling, true)
        .override_global(globals::SAMPLE_RINGS, &rings, true)
        .override_global(globals::EXCLUDING, &excluding, true)
        .override_global(globals::TEST_CLOCK, &test_clock, true)
        .override_global(globals::WAKE_BYTES, &wake, true);
    loader.load(OBJECT).with_context(|| {
        format!(
            "loading maps for {}: root (or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON) is needed, \
             and memory for {} flows",
            interface.name, options.table_size
        )
    })
}

fn start_sweeper(object: &mut Ebpf, btf: &Btf, flows: &FlowTable) -> anyhow::Result<OwnedFd> {
    let sweeper: &mut Iter = program(object, names::SWEEP_FLOWS)?.try_into()?;
    sweeper.load("bpf_map_elem", btf).map_err(verifier_log)?;
    sys::link_iterator(sweeper.fd()?.as_fd(), flows.fd()).context("attaching the sweep iterator")
}

/// The program named `name`.
///
/// # Errors
/// An object without it.
pub(super) fn program<'a>(
    object: &'a mut Ebpf,
    name: &str,
) -> anyhow::Result<&'a mut aya::programs::Program> {
    object
        .program_mut(name)
        .with_context(|| format!("no program {name} in the kernel object"))
}

/// The verifier's last words are what helps; the whole log runs to thousands of lines.
pub(super) fn verifier_log(error: aya::programs::ProgramError) -> anyhow::Error {
    if let aya::programs::ProgramError::LoadError {
        io_error,
        verifier_log,
    } = &error
    {
        let log = verifier_log.to_string();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        return anyhow!("the kernel refused a program: {io_error}\n{tail}");
    }
    anyhow::Error::new(error)
}

fn data<'a>(object: &'a Ebpf, name: &str) -> anyhow::Result<&'a MapData> {
    match object.map(name) {
        Some(
            Map::HashMap(map)
            | Map::Array(map)
            | Map::PerCpuArray(map)
            | Map::LpmTrie(map)
            | Map::RingBuf(map),
        ) => Ok(map),
        _ => Err(anyhow!("no map {name} in the kernel object")),
    }
}

fn ring(object: &mut Ebpf, name: &str, options: &Options) -> anyhow::Result<Ring> {
    let missing = || format!("no map {name} in the object");
    let map = object.take_map(name).with_context(missing)?;
    let size = sizes(options).remove(name).with_context(missing)?;
    Ok(Ring::new(RingBuf::try_from(map)?, size))
}

fn sample_rings(object: &mut Ebpf, options: &Options) -> anyhow::Result<Vec<Arc<Mutex<Ring>>>> {
    let used = names::SAMPLES
        .into_iter()
        .take(options.sample_rings as usize);
    used.map(|name| Ok(Arc::new(Mutex::new(ring(object, name, options)?))))
        .collect()
}

/// Brings the trie to exactly `rules`: a pinned one may hold an earlier agent's, whose programs
/// still ask it. So what stays excluded is so all the time: new rules first, then the old ones go.
fn exclude(trie: &TypedMap<TrieKey, PortSet>, rules: &[Exclusion]) -> anyhow::Result<()> {
    let mut wanted = HashSet::with_capacity(rules.len());
    for rule in rules {
        let (bits, prefix) = rule.network().prefix();
        let key = TrieKey { bits, prefix };
        trie.set(&key, rule.ports())
            .context("adding an exclusion")?;
        wanted.insert(key);
    }
    for key in trie.keys()?.iter().filter(|key| !wanted.contains(key)) {
        trie.delete(key)?;
    }
    Ok(())
}

/// Boot and map number together name the life of the maps.
fn lineage(map: u32) -> anyhow::Result<u64> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let digits: String = boot
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect();
    let boot = u32::from_str_radix(&digits, 16).context("the kernel's boot_id")?;
    Ok(u64::from(boot) << 32 | u64::from(map))
}

/// Instance and folder of a set of interfaces.
///
/// # Errors
/// Those of [`Instance::of`].
pub(super) fn pin_folder(
    options: &Options,
    interfaces: &[Interface],
) -> anyhow::Result<(Instance, PinFolder)> {
    let instance = Instance::of(interfaces)?;
    let folder = PinFolder::of(&options.pin_root, &instance);
    Ok((instance, folder))
}
