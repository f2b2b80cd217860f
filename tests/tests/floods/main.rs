//! Floods: memory stays as it is, established flows keep every packet, the books hold, and the table
//! recovers by itself.

mod agent;

use std::{
    fs::{self, File},
    io::BufReader,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use agent::Kernel;
use anyhow::{Context, Result, ensure};
use collector::live::Status;
use collector_common::{
    packet::tcp,
    schema::{Line, PublicRecord},
    settings::DEFAULT_TABLE_SIZE,
};
use collector_tests::{
    binary::{Home, Running},
    generator::{Generator, Stream, unanswered},
    link::IpVersion,
    usage::Usage,
    wire::{Pace, Wire, wire_or_skip, without_drops},
};

/// Flows that are there before the flood and go on through it.
const ESTABLISHED: u32 = 1_000;
/// Payload bytes of their packets.
const PAYLOAD: usize = 100;
/// Flows of the flood between two packets of each established flow.
const BURST: u32 = 50_000;
/// Flows that answer nobody end after so many seconds, when the table is full.
const HALF_OPEN: u64 = 3;
/// A table that does not recover ends the test after this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most memory that an agent ever had resident, the pages of its rings included, KiB.
const MEMORY: u64 = 150 << 10;

/// Packets of a flood, each of another flow, and entries of the table; the whole with
/// `COLLECTOR_FULL=1`, else what a program that is not optimised closes in some seconds.
fn sizes() -> (u32, u32) {
    let full = std::env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    if full {
        (3_000_000, DEFAULT_TABLE_SIZE)
    } else {
        (600_000, DEFAULT_TABLE_SIZE / 8)
    }
}

/// What is flooded with.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Syn,
    Udp,
    /// New flows with payload that leaves the label open until the other side speaks.
    Request,
}

impl Kind {
    fn stream(self, wire: &Wire) -> Stream {
        let path = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V4);
        let frame = match self {
            Self::Syn => path.tcp(tcp::SYN, 0, &[]),
            Self::Udp => path.udp(&[0xff; 200]),
            Self::Request => path.tcp(tcp::ACK, 1, b"GET / HTTP/1.1\r\nHost: example.org\r\n"),
        };
        Stream {
            frame,
            version: IpVersion::V4,
            flows: sizes().0,
        }
    }
}

/// An agent on a wire, and what crosses that.
struct Scene {
    wire: Wire,
    home: Home,
    established: Generator,
    frame: u64,
    /// Packets of each established flow.
    rounds: u64,
}

impl Scene {
    fn new() -> Result<Self> {
        let wire = Wire::new()?;
        let path = unanswered(&wire.pair.a, &wire.pair.b, IpVersion::V6);
        let stream = Stream {
            frame: path.tcp(tcp::ACK, 1, &[7; PAYLOAD]),
            version: IpVersion::V6,
            flows: ESTABLISHED,
        };
        Ok(Self {
            established: wire.generator(&stream)?,
            frame: stream.frame.len() as u64,
            home: Home::new()?,
            wire,
            rounds: 0,
        })
    }

    fn start(&self) -> Result<Running> {
        let (half_open, table) = (HALF_OPEN.to_string(), sizes().1.to_string());
        // Country data are no part of this, and take a program that is not optimised seconds.
        let (geoip, geoip6) = (self.home.join("geoip"), self.home.join("geoip6"));
        fs::write(&geoip, "16777216,16777471,AU\n")?;
        fs::write(&geoip6, "2001:db8::,2001:db8:ffff::,AU\n")?;
        let arguments = [
            "--iface",
            &self.wire.pair.b.name,
            "--privacy",
            "thesis",
            "--half-open-timeout",
            &half_open,
            "--table-size",
            &table,
            "--geoip",
            &geoip.to_string_lossy(),
            "--geoip6",
            &geoip6.to_string_lossy(),
        ];
        self.home.start(&self.wire.right, &arguments)
    }

    fn round(&mut self) -> Result<u64> {
        self.rounds += 1;
        let sent = self.established.send(&self.wire.left, ESTABLISHED)?;
        Ok(sent.packets)
    }

    /// Floods, with a packet of each established flow after each burst; gives the packets sent.
    fn flood(&mut self, kind: Kind, pace: Pace) -> Result<u64> {
        let flood = self.wire.generator(&kind.stream(&self.wire))?;
        let mut sent = 0;
        for _ in 0..sizes().0 / BURST {
            sent += self.wire.send(&flood, BURST, pace)?;
            sent += self.round()?;
        }
        Ok(sent)
    }

    /// Waits until only the established flows are in the table; they go on meanwhile.
    fn recover(&mut self) -> Result<u64> {
        let start = Instant::now();
        let done = AtomicBool::new(false);
        let sender = &self.established;
        let (left, home) = (&self.wire.left, &self.home);
        let sent = thread::scope(|scope| {
            let rounds = scope.spawn(|| {
                let mut sent = 0;
                while !done.load(Ordering::Relaxed) {
                    sent += sender.send(left, ESTABLISHED)?.packets;
                    thread::sleep(Duration::from_millis(200));
                }
                Ok::<_, anyhow::Error>(sent)
            });
            while !has_recovered(home) && start.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(100));
            }
            done.store(true, Ordering::Relaxed);
            rounds.join().expect("the sender lives")
        })?;
        self.rounds += sent / u64::from(ESTABLISHED);
        ensure!(start.elapsed() < PATIENCE, "{:?}", self.home.status());
        println!(
            "recovered {:.1} s after the flood",
            start.elapsed().as_secs_f64()
        );
        Ok(sent)
    }

    /// Every flow line of the closed files, and the packets in their sums.
    fn files(&self) -> Result<(Vec<PublicRecord>, u64)> {
        let (mut flows, mut packets) = (Vec::new(), 0);
        for path in self.home.files() {
            let text = zstd::Decoder::new(File::open(path)?)?;
            for line in std::io::BufRead::lines(BufReader::new(text)) {
                match serde_json::from_str(&line?)? {
                    Line::Flow(flow) => flows.push(flow),
                    Line::Statistics(sums) => packets += sums.all.packets,
                    _ => {}
                }
            }
        }
        Ok((flows, packets))
    }

    /// Each established flow is in one line, with each of its packets.
    fn assert_exact(&self, flows: &[PublicRecord]) {
        let kept: Vec<_> = flows
            .iter()
            .filter(|flow| flow.traits.ip_version == 6)
            .collect();
        assert_eq!(kept.len(), ESTABLISHED as usize);
        let bytes = (self.rounds * self.frame).next_multiple_of(1024);
        for flow in kept {
            assert_eq!((flow.packets, flow.bytes), (self.rounds, bytes));
        }
    }
}

/// Not as long as the agent is too busy to answer.
fn has_recovered(home: &Home) -> bool {
    let status = home.status();
    status.is_ok_and(|status| status.live_flows <= ESTABLISHED.into())
}

/// Bytes in the output folder.
fn on_disk(home: &Home) -> Result<u64> {
    let sizes = fs::read_dir(home.out())?.map(|entry| Ok(entry?.metadata()?.len()));
    sizes.sum()
}

fn total(amounts: &std::collections::BTreeMap<String, collector::live::Amount>) -> u64 {
    amounts.values().map(|amount| amount.packets).sum()
}

/// A flood at `pace`; `None` where the wire lost packets.
fn flood(kind: Kind, pace: Pace) -> Result<Option<()>> {
    let mut scene = Scene::new()?;
    let running = scene.start()?;
    let (maps, before) = (Kernel::of(&scene.home)?, scene.wire.arrived()?);
    let mut sent = scene.round()?;
    let (start, used) = (Instant::now(), Usage::of(running.id())?);
    sent += scene.flood(kind, pace)?;
    let during = start.elapsed();
    sent += scene.recover()?;
    let spent = Usage::of(running.id())?;
    println!(
        "{kind:?}: {:.0} packets/s for {:.1} s; agent {:.1} s of CPU in {:.1} s, at most {} MiB resident",
        sent as f64 / during.as_secs_f64(),
        during.as_secs_f64(),
        spent.cpu - used.cpu,
        start.elapsed().as_secs_f64(),
        spent.most_resident >> 10,
    );
    let arrived = scene.wire.arrived()?.since(&before);
    if arrived.lost() > 0 || arrived.rx_packets != sent {
        return Ok(None);
    }
    assert_eq!(Kernel::of(&scene.home)?, maps, "maps are of fixed size");
    let status = scene.home.status()?;
    let spooled = on_disk(&scene.home)?;
    let (end, log) = running.terminate()?;
    println!(
        "{spooled} bytes of spools, then {} of closed files",
        on_disk(&scene.home)?
    );
    ensure!(end.success() && !log.contains("ERROR"), "{log}");
    account(&scene, &status, sent)?;
    assert!(spent.most_resident < MEMORY, "{} KiB", spent.most_resident);
    Ok(Some(()))
}

/// Every packet that was sent is in a file or under a reason.
fn account(scene: &Scene, status: &Status, sent: u64) -> Result<()> {
    let reasons = total(&status.reasons);
    println!(
        "{} found the table full, {reasons} lost; samples {}, lost {}, shed {}",
        status.overflow, status.samples, status.samples_lost, status.samples_shed
    );
    assert_eq!(status.balance.difference, 0, "{:?}", status.balance);
    assert_eq!(total(&status.seen), sent);
    let (flows, packets) = scene.files().context("reading the files")?;
    assert_eq!(packets + reasons, sent);
    scene.assert_exact(&flows);
    Ok(())
}

#[test]
fn a_syn_flood_costs_no_memory_and_no_packet_of_an_established_flow() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| flood(Kind::Syn, pace))
}

#[test]
fn a_flood_of_datagrams_with_payload_does_not_either() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| flood(Kind::Udp, pace))
}

#[test]
fn a_flood_of_requests_that_nobody_answers_does_not_either() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| flood(Kind::Request, pace))
}
