//! The kernel programs by themselves, run on single frames (`BPF_PROG_TEST_RUN`,
//! Documentation/bpf/bpf_prog_run.rst), with no agent beside them and a clock that tests set.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, HashMap, MapData, PerCpuArray, RingBuf},
    programs::{SchedClassifier, TestRun, TestRunOptions, Xdp},
};
use collector_common::{
    books::{Books, Hook},
    event::SampleHeader,
    flow::{FlowEntry, NO_USER},
    key::FlowKey,
    names::{self, globals},
    packet::Link,
};
use zerocopy::{FromBytes, IntoBytes};

use crate::model::Sample;

/// Entries of the flow table: more flows than any test makes here.
pub const TABLE: u32 = 65_536;
/// Bytes of the rings: room for every late record that a test makes.
const RING: u32 = 16 << 20;

/// A program that sees packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// [`names::METER_XDP`].
    Xdp,
    /// [`names::METER_TC_IN`].
    TcIn,
    /// [`names::METER_TC_OUT`].
    TcOut,
}

impl Program {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Xdp, Self::TcIn, Self::TcOut];

    /// Its name in the object.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Xdp => names::METER_XDP,
            Self::TcIn => names::METER_TC_IN,
            Self::TcOut => names::METER_TC_OUT,
        }
    }

    /// What it must answer, since a meter lets every packet through: `XDP_PASS`, `TCX_NEXT`.
    #[must_use]
    pub fn verdict(self) -> u32 {
        if self == Self::Xdp { 2 } else { u32::MAX }
    }

    /// How it is run once on `frame`; TC programs are told the length on the wire.
    #[must_use]
    pub fn options<'a>(self, frame: &'a [u8], context: &'a SkbContext) -> TestRunOptions<'a> {
        TestRunOptions {
            data_in: Some(frame),
            ctx_in: (self != Self::Xdp).then_some(&context.0),
            ..TestRunOptions::new()
        }
    }

    /// The hook it counts for.
    #[must_use]
    pub fn hook(self) -> Hook {
        match self {
            Self::Xdp | Self::TcIn => Hook::Ingress,
            Self::TcOut => Hook::Egress,
        }
    }

    /// Why the kernel may refuse to run it on `frame` (net/bpf/test_run.c; which of these hold
    /// depends on its version). `None`: there is no reason to refuse.
    #[must_use]
    pub fn left_out(self, frame: &[u8]) -> Option<&'static str> {
        let ethertype = frame.get(12..14);
        if self == Self::Xdp {
            return (frame.len() < 14).then_some("below 14 bytes");
        }
        match frame.len() {
            0..=14 => Some("nothing behind the Ethernet header"),
            15..34 if ethertype == Some(&[0x08, 0x00]) => Some("an IPv4 header that is cut"),
            15..54 if ethertype == Some(&[0x86, 0xdd]) => Some("an IPv6 header that is cut"),
            3_521.. => Some("above 3,520 bytes"),
            _ => None,
        }
    }
}

/// `struct __sk_buff` (include/uapi/linux/bpf.h) from its start through `wire_len`: all that the
/// kernel takes of the rest is zero.
#[derive(Clone, Copy, Debug)]
pub struct SkbContext([u8; Self::WIRE_LEN + 4]);

impl SkbContext {
    /// Offset of `wire_len`.
    const WIRE_LEN: usize = 160;

    /// Of a frame that the wire carries as it is.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        let mut bytes = [0; Self::WIRE_LEN + 4];
        let wire_len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        bytes[Self::WIRE_LEN..].copy_from_slice(&wire_len.to_ne_bytes());
        Self(bytes)
    }
}

/// Where `cargo xtask build` leaves the object with the meter.
#[must_use]
pub fn object_path() -> PathBuf {
    std::env::var_os("COLLECTOR_KERNEL_OBJECT").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../target/bpf/bpfel-unknown-none/release/collector-ebpf")
        },
        PathBuf::from,
    )
}

/// The loaded programs and their maps.
pub struct Programs {
    ebpf: Ebpf,
    samples: RingBuf<MapData>,
}

impl Programs {
    /// Loads the three programs for frames with this link header.
    ///
    /// # Errors
    /// The object is missing or the kernel refuses it.
    pub fn load(object: &Path, link: Link) -> Result<Self> {
        let mut ebpf = EbpfLoader::new()
            .override_global(globals::LINK, &(link as u32), true)
            .override_global(globals::TEST_CLOCK, &1_u32, true)
            .map_max_entries(names::FLOWS, TABLE)
            .map_max_entries(names::SAMPLES[0], RING)
            .map_max_entries(names::LATE, RING)
            .load_file(object)
            .with_context(|| format!("{} (cargo xtask build)", object.display()))?;
        let xdp: &mut Xdp = program(&mut ebpf, names::METER_XDP)?.try_into()?;
        xdp.load()?;
        for name in [names::METER_TC_IN, names::METER_TC_OUT] {
            let classifier: &mut SchedClassifier = program(&mut ebpf, name)?.try_into()?;
            classifier.load()?;
        }
        let samples = ebpf
            .take_map(names::SAMPLES[0])
            .context(names::SAMPLES[0])?;
        Ok(Self {
            ebpf,
            samples: samples.try_into()?,
        })
    }

    /// Sets the programs' time, nanoseconds since boot.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn set_clock(&mut self, now: u64) -> Result<()> {
        let mut clock: Array<_, u64> = self.map(names::CLOCK)?.try_into()?;
        Ok(clock.set(0, now, 0)?)
    }

    /// Runs a program once on `frame`; gives its verdict.
    ///
    /// # Errors
    /// The kernel does not take the frame.
    pub fn run(&mut self, which: Program, frame: &[u8]) -> Result<u32> {
        let context = SkbContext::of(frame);
        let options = which.options(frame, &context);
        let loaded = program(&mut self.ebpf, which.name())?;
        let result = if which == Program::Xdp {
            <&mut Xdp>::try_from(loaded)?.test_run(options)
        } else {
            <&mut SchedClassifier>::try_from(loaded)?.test_run(options)
        };
        Ok(result?.return_value)
    }

    /// A flow's entry, without what the host can't know: its id, and the user of the socket that
    /// the kernel made for the run.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn entry(&mut self, key: &FlowKey) -> Result<Option<FlowEntry>> {
        let flows: Flows<'_> = self.map(names::FLOWS)?.try_into()?;
        let key = key.as_bytes().try_into()?;
        let bytes = match flows.get(&key, 0) {
            Ok(bytes) => bytes,
            Err(aya::maps::MapError::KeyNotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let entry = FlowEntry::read_from_bytes(&bytes).map_err(|_| anyhow!("another layout"))?;
        Ok(Some(FlowEntry {
            id: 0,
            user: NO_USER,
            ..entry
        }))
    }

    /// Payload samples since the last call, without their flows' ids.
    ///
    /// # Errors
    /// A sample is cut.
    pub fn samples(&mut self) -> Result<Vec<Sample>> {
        let mut samples = Vec::new();
        while let Some(item) = self.samples.next() {
            let (header, bytes) = SampleHeader::read_from_prefix(&item)
                .map_err(|_| anyhow!("a sample that is cut"))?;
            let taken = bytes.get(..header.taken as usize);
            let taken = taken.context("a sample without its bytes")?.to_vec();
            samples.push((SampleHeader { id: 0, ..header }, taken));
        }
        Ok(samples)
    }

    /// How many flows there are.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn flows(&mut self) -> Result<usize> {
        let flows: Flows<'_> = self.map(names::FLOWS)?.try_into()?;
        Ok(flows.keys().collect::<Result<Vec<_>, _>>()?.len())
    }

    /// The counters of all CPUs.
    ///
    /// # Errors
    /// Those of the system call.
    pub fn books(&mut self) -> Result<Books> {
        let books: PerCpuArray<_, [u8; size_of::<Books>()]> = self.map(names::BOOKS)?.try_into()?;
        let cpus = books.get(&0, 0)?;
        let cpus: Vec<_> = cpus
            .iter()
            .filter_map(|bytes| Books::read_from_bytes(bytes).ok())
            .collect();
        Ok(Books::sum(&cpus))
    }

    fn map(&mut self, name: &str) -> Result<&mut aya::maps::Map> {
        self.ebpf.map_mut(name).with_context(|| name.to_owned())
    }
}

type Flows<'a> = HashMap<&'a mut MapData, [u8; size_of::<FlowKey>()], [u8; size_of::<FlowEntry>()]>;

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut aya::programs::Program> {
    ebpf.program_mut(name).with_context(|| name.to_owned())
}
