//! Nanoseconds per packet of the kernel programs, by BPF_PROG_TEST_RUN: an empty program, a floor
//! program (the least a flow counter does) and ours, in turns within one run.
//!
//! Machines are noisy: read the ratios, and compare within one run only.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use aya::{
    Btf, Ebpf, EbpfLoader,
    maps::RingBuf,
    programs::{SchedClassifier, TestRun, TestRunOptions, TestRunResult, Xdp},
};
use clap::Parser;
use collector_common::{names, packet::tcp};
use collector_tests::{frames::Path, generator, link::IpVersion};

/// Payload that fills a frame of 1514 bytes behind IPv4 and TCP without options.
const PAYLOAD: usize = 1460;
/// Segments per direction that are sampled.
const SEGMENTS: u32 = 8;

/// Nanoseconds per packet of the kernel programs.
#[derive(Parser)]
struct Arguments {
    /// Rounds; each measures every case once
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Packets per case and round of an established flow
    #[arg(long, default_value_t = 1_000_000)]
    packets: u32,
    /// New flows, and sampled flows, per round; at XDP each costs the kernel milliseconds
    #[arg(long, default_value_t = 100)]
    flows: u16,
}

#[derive(Clone, Copy)]
enum Hook {
    Xdp,
    Tc,
}

/// One measured thing and what each round gave, nanoseconds a packet.
struct Case {
    name: String,
    rounds: Vec<f64>,
}

impl Case {
    fn median(&self) -> f64 {
        let mut sorted = self.rounds.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    fn min(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

struct Bench {
    ours: Ebpf,
    peers: Ebpf,
    samples: RingBuf<aya::maps::MapData>,
    cases: Vec<Case>,
    /// Ports of the last fresh flow.
    fresh: (u16, u16),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut bench = Bench::load()?;
    for _ in 0..arguments.rounds.max(1) {
        bench.round(&arguments)?;
    }
    bench.print();
    Ok(())
}

impl Bench {
    fn load() -> Result<Self> {
        let peers_path = generator::object_path();
        let ours_path = peers_path.with_file_name("collector-ebpf");
        let btf = Btf::from_sys_fs()?;
        let read = |path: &std::path::Path| {
            fs::read(path).with_context(|| format!("{}: run `cargo xtask build`", path.display()))
        };
        let mut loader = EbpfLoader::new();
        loader
            .btf(Some(&btf))
            .map_max_entries(names::SAMPLES[0], 1 << 24);
        let mut ours = loader.load(&read(&ours_path)?)?;
        let mut peers = EbpfLoader::new()
            .btf(Some(&btf))
            .load(&read(&peers_path)?)?;
        for (object, xdp, tc) in [
            (
                &mut ours,
                &[names::METER_XDP][..],
                &[names::METER_TC_IN][..],
            ),
            (
                &mut peers,
                &["empty_xdp", "floor_xdp"],
                &["empty_tc", "floor_tc"],
            ),
        ] {
            for name in xdp {
                program::<Xdp>(object, name)?.load()?;
            }
            for name in tc {
                program::<SchedClassifier>(object, name)?.load()?;
            }
        }
        let samples = ours
            .take_map(names::SAMPLES[0])
            .context("no ring of samples")?;
        let samples = RingBuf::try_from(samples)?;
        Ok(Self {
            ours,
            peers,
            samples,
            cases: Vec::new(),
            fresh: (1024, 1024),
        })
    }

    fn round(&mut self, arguments: &Arguments) -> Result<()> {
        for hook in [Hook::Xdp, Hook::Tc] {
            let established = Path::example(IpVersion::V4);
            let frame = established.tcp(tcp::ACK, 1, &[7; PAYLOAD]);
            for name in ["empty", "floor"] {
                let time = self.peer(hook, name, &frame, arguments.packets)?;
                self.note(hook, name, time);
            }
            self.note_single_empty(hook, &frame, arguments.flows)?;
            for (version, label) in [(IpVersion::V4, "IPv4"), (IpVersion::V6, "IPv6")] {
                let path = Path::example(version);
                let frame = path.tcp(tcp::ACK, 1, &[7; PAYLOAD]);
                self.meter(hook, &frame, 2 * SEGMENTS)?;
                let time = self.meter(hook, &frame, arguments.packets)?;
                self.note(hook, &format!("established, {label}"), time);
            }
            self.fresh_flows(hook, arguments.flows)?;
        }
        Ok(())
    }

    /// One packet a run, as new flows are measured: the clock's own cost is in both.
    fn note_single_empty(&mut self, hook: Hook, frame: &[u8], flows: u16) -> Result<()> {
        let mut singles = Vec::new();
        for _ in 0..flows {
            singles.push(self.peer(hook, "empty", frame, 1)?);
        }
        self.note(hook, "empty, one a run", middle(&mut singles));
        Ok(())
    }

    /// New flows by one packet without payload each, then their sampled segments. Apart, since a
    /// run of several packets makes the kernel patch its XDP dispatcher, and the next run slow.
    fn fresh_flows(&mut self, hook: Hook, flows: u16) -> Result<()> {
        let paths: Vec<Path> = (0..flows).map(|_| self.fresh_path()).collect();
        let mut opened = Vec::new();
        for path in &paths {
            opened.push(self.meter(hook, &path.tcp(tcp::SYN, 0, &[]), 1)?);
        }
        let mut sampled = Vec::new();
        for path in &paths {
            let data = path.tcp(tcp::ACK, 1, &[7; PAYLOAD]);
            sampled.push(self.meter(hook, &data, SEGMENTS - 1)?);
            while self.samples.next().is_some() {}
        }
        self.note(hook, "new flow", middle(&mut opened));
        self.note(hook, "payload sample, 1460 bytes", middle(&mut sampled));
        Ok(())
    }

    /// Ports that no flow of this run had: all source ports, then the next destination port.
    fn fresh_path(&mut self) -> Path {
        if self.fresh.0 == u16::MAX {
            self.fresh = (1024, self.fresh.1 + 1);
        }
        self.fresh.0 += 1;
        Path::example(IpVersion::V4).with_ports(self.fresh.0, self.fresh.1)
    }

    fn meter(&mut self, hook: Hook, frame: &[u8], repeat: u32) -> Result<Duration> {
        let result = match hook {
            Hook::Xdp => run(
                program::<Xdp>(&mut self.ours, names::METER_XDP)?,
                frame,
                repeat,
            ),
            Hook::Tc => run(
                program::<SchedClassifier>(&mut self.ours, names::METER_TC_IN)?,
                frame,
                repeat,
            ),
        }?;
        Ok(result.duration)
    }

    fn peer(&mut self, hook: Hook, name: &str, frame: &[u8], repeat: u32) -> Result<Duration> {
        let result = match hook {
            Hook::Xdp => run(
                program::<Xdp>(&mut self.peers, &format!("{name}_xdp"))?,
                frame,
                repeat,
            ),
            Hook::Tc => {
                let name = format!("{name}_tc");
                run(
                    program::<SchedClassifier>(&mut self.peers, &name)?,
                    frame,
                    repeat,
                )
            }
        }?;
        Ok(result.duration)
    }

    fn note(&mut self, hook: Hook, what: &str, time: Duration) {
        let name = full_name(hook, what);
        let nanoseconds = time.as_nanos() as f64;
        match self.cases.iter_mut().find(|case| case.name == name) {
            Some(case) => case.rounds.push(nanoseconds),
            None => self.cases.push(Case {
                name,
                rounds: vec![nanoseconds],
            }),
        }
    }

    fn median(&self, hook: Hook, what: &str) -> f64 {
        let name = full_name(hook, what);
        self.cases
            .iter()
            .find(|case| case.name == name)
            .map_or(f64::NAN, Case::median)
    }

    fn print(&self) {
        println!("{:<40}{:>10}{:>10}", "ns a packet", "min", "median");
        for case in &self.cases {
            println!(
                "{:<40}{:>10.0}{:>10.0}",
                case.name,
                case.min(),
                case.median()
            );
        }
        println!("\n{:<60}{:>8}", "ratio of medians", "");
        for (hook, name) in [(Hook::Xdp, "XDP"), (Hook::Tc, "TC")] {
            let empty = self.median(hook, "empty");
            let floor = self.median(hook, "floor") - empty;
            let v4 = self.median(hook, "established, IPv4") - empty;
            let v6 = self.median(hook, "established, IPv6") - empty;
            println!(
                "{:<60}{:>8.2}",
                format!("{name}: (ours - empty) / (floor - empty), IPv4"),
                v4 / floor
            );
            println!(
                "{:<60}{:>8.2}",
                format!("{name}: IPv6 / IPv4, both less empty"),
                v6 / v4
            );
        }
    }
}

fn full_name(hook: Hook, what: &str) -> String {
    match hook {
        Hook::Xdp => format!("XDP {what}"),
        Hook::Tc => format!("TC {what}"),
    }
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn program<'a, P>(object: &'a mut Ebpf, name: &str) -> Result<&'a mut P>
where
    &'a mut P: TryFrom<&'a mut aya::programs::Program, Error = aya::programs::ProgramError>,
{
    let program = object
        .program_mut(name)
        .with_context(|| format!("no program {name}"))?;
    Ok(program.try_into()?)
}

fn run<P>(program: &P, frame: &[u8], repeat: u32) -> Result<TestRunResult>
where
    P: for<'a> TestRun<Opts<'a> = TestRunOptions<'a>, Result = TestRunResult>,
{
    let options = TestRunOptions {
        data_in: Some(frame),
        repeat,
        ..TestRunOptions::new()
    };
    let result = program.test_run(options)?;
    ensure!(
        result.return_value == 2 || result.return_value == u32::MAX,
        "a packet was not passed"
    );
    Ok(result)
}
