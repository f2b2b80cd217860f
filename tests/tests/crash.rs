//! `kill -9` under traffic and a new start, over and over: every packet is in a file, live, under
//! a reason, or known to be lost, and no record is written twice.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aya::maps::{Map, MapData, PerCpuArray};
use collector::live::Status;
use collector_common::{books::Books, names, packet::tcp, schema::Line};
use collector_tests::{
    binary::Home,
    generator::{Generator, Stream, unanswered},
    link::IpVersion,
    netns::run,
    wire::{Pace, Wire, wire_or_skip, without_drops},
};
use serde_json::Value;
use zerocopy::{FromBytes, IntoBytes};

/// What a late packet may wait at most before it is safe.
const WAIT: Duration = Duration::from_secs(1);
/// Kills per way of attaching; twice as many with `COLLECTOR_FULL=1`.
const KILLS: u64 = 10;
/// Of them, the first: flows that are in the table and stay there.
const CALM_KILLS: u64 = 3;
/// Entries of the table: fewer than there are flows in a storm.
const TABLE: &str = "2000";

/// What is sent: always established flows, and what makes late and overflow packets.
struct Traffic {
    established: Generator,
    /// More flows than the table has room for.
    crowd: Generator,
    /// Each packet resets its flow.
    resets: Generator,
}

const ESTABLISHED: u32 = 400;
const CROWD: u32 = 3_000;
const RESETS: u32 = 500;

impl Traffic {
    fn new(wire: &Wire) -> Result<Self> {
        let (a, b) = (&wire.pair.a, &wire.pair.b);
        let resets = Stream {
            frame: unanswered(a, b, IpVersion::V4).tcp(tcp::RST, 1, &[]),
            version: IpVersion::V4,
            flows: RESETS,
        };
        Ok(Self {
            established: wire.generator(&Stream::udp(a, b, IpVersion::V4, ESTABLISHED))?,
            crowd: wire.generator(&Stream::udp(a, b, IpVersion::V6, CROWD))?,
            resets: wire.generator(&resets)?,
        })
    }

    /// Sends until `done`; gives the number of packets.
    fn flow(&self, wire: &Wire, pause: Duration, switch: &Switch) -> Result<u64> {
        let mut sent = 0;
        while !switch.done.load(Ordering::Relaxed) {
            sent += self.established.send(&wire.left, 10 * ESTABLISHED)?.packets;
            if switch.storm.load(Ordering::Relaxed) {
                sent += self.resets.send(&wire.left, 4 * RESETS)?.packets;
                sent += self.crowd.send(&wire.left, CROWD)?.packets;
            }
            thread::sleep(pause);
        }
        Ok(sent)
    }
}

#[derive(Default)]
struct Switch {
    done: AtomicBool,
    storm: AtomicBool,
}

/// The kernel's counters, which outlive every agent: how many packets were late, and when.
struct Clockwork {
    map: PerCpuArray<MapData, [u64; size_of::<Books>() / 8]>,
    readings: Vec<(Instant, u64)>,
}

impl Clockwork {
    fn open(home: &Home) -> Result<Self> {
        let pinned = home.pinned();
        let books = pinned.iter().find(|path| path.ends_with(names::BOOKS));
        let data = MapData::from_pin(books.context("no pinned books")?)?;
        Ok(Self {
            map: PerCpuArray::try_from(Map::PerCpuArray(data))?,
            readings: Vec::new(),
        })
    }

    /// Late and overflow packets so far.
    fn read(&mut self) -> Result<u64> {
        let cpus = self.map.get(&0, 0)?;
        let late = cpus.iter().map(|cpu| {
            let books = Books::read_from_bytes(cpu.as_bytes()).expect("of this size");
            books.apart().packets
        });
        let late = late.sum();
        self.readings.push((Instant::now(), late));
        Ok(late)
    }

    fn watch(&mut self, span: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < span {
            self.read()?;
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Late and overflow packets of the last `span`.
    fn since(&mut self, span: Duration) -> Result<u64> {
        let now = self.read()?;
        let from = Instant::now() - span;
        let mut earlier = self.readings.iter().rev();
        let then = earlier.find(|(when, _)| *when <= from);
        Ok(now - then.map_or(0, |(_, late)| *late))
    }
}

/// The next number of a fixed row (Knuth's MMIX constants): the same kills in every run.
fn next(seed: &AtomicU64) -> u64 {
    let step = |seed: u64| {
        seed.wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407)
    };
    let before = seed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seed| {
        Some(step(seed))
    });
    step(before.unwrap_or_default()) >> 33
}

fn kills() -> u64 {
    let full = std::env::var("COLLECTOR_FULL").is_ok_and(|value| value == "1");
    if full { 2 * KILLS } else { KILLS }
}

/// Ids of the records that a killed agent put on the disk: those of complete commits.
fn ids_in(spool: &Path) -> Result<Vec<(u64, u64)>> {
    let decoder = zstd::Decoder::new(File::open(spool)?)?;
    let (mut ids, mut open) = (Vec::new(), Vec::new());
    // A torn tail ends the lines.
    for line in BufReader::new(decoder).lines().map_while(Result::ok) {
        let line: Value = serde_json::from_str(&line)?;
        if line["type"] == "ids" {
            for range in pairs(&line["ranges"])? {
                open.extend((range.0..=range.1).map(|flow| (flow, 0)));
            }
            open.append(&mut pairs(&line["parts"])?);
        } else if line["type"] == "totals" {
            ids.append(&mut open);
        }
    }
    Ok(ids)
}

fn pairs(list: &Value) -> Result<Vec<(u64, u64)>> {
    let number = |value: &Value| value.as_u64().context("not a number");
    let pair = |pair: &Value| Ok((number(&pair[0])?, number(&pair[1])?));
    list.as_array()
        .context("no list")?
        .iter()
        .map(pair)
        .collect()
}

/// Packets in the statistics lines of every closed file, which the `zstd` tool can read.
fn packets_in_files(home: &Home) -> Result<u64> {
    let mut packets = 0;
    for file in home.files() {
        run(Command::new("zstd").args(["--quiet", "--test"]).arg(&file))?;
        let text = zstd::decode_all(File::open(&file)?)?;
        for line in text.lines() {
            if let Line::Statistics(statistics) = serde_json::from_str(&line?)? {
                packets += statistics.all.packets;
            }
        }
    }
    Ok(packets)
}

fn total(amounts: &std::collections::BTreeMap<String, collector::live::Amount>) -> u64 {
    amounts.values().map(|amount| amount.packets).sum()
}

/// A run of agents on one wire.
struct Row<'a> {
    home: &'a Home,
    wire: &'a Wire,
    arguments: [&'a str; 12],
    written: HashSet<(u64, u64)>,
    lost: u64,
}

impl Row<'_> {
    /// One agent from start to kill; it says what the one before lost.
    fn round(&mut self, span: Duration, clockwork: &mut Option<Clockwork>) -> Result<u64> {
        let running = self.home.start(&self.wire.right, &self.arguments)?;
        let status = self.home.status()?;
        ensure!(status.hooks[0].contains(self.arguments[1]), "{status:?}");
        let lost = status.lost_in_crash.packets - self.lost;
        self.lost += lost;
        let clockwork = match clockwork {
            Some(clockwork) => clockwork,
            None => clockwork.insert(Clockwork::open(self.home)?),
        };
        clockwork.watch(span)?;
        running.kill()?;
        for spool in self.home.spools() {
            for id in ids_in(&spool)? {
                let new = self.written.insert(id);
                ensure!(new, "a record twice: {id:?}");
            }
        }
        Ok(lost)
    }
}

/// `None` when the wire lost packets.
fn kill_and_start(way: &str, pace: Pace) -> Result<Option<()>> {
    let wire = Wire::new()?;
    let home = Home::new()?;
    let traffic = Traffic::new(&wire)?;
    let switch = Switch::default();
    let before = wire.arrived()?;
    let mut row = Row {
        home: &home,
        wire: &wire,
        arguments: [
            "--tc",
            way,
            "--iface",
            &wire.pair.b.name,
            "--table-size",
            TABLE,
            "--linger",
            "1",
            "--idle-timeout",
            "3",
            "--active-timeout",
            "2",
        ],
        written: HashSet::new(),
        lost: 0,
    };
    // The first agent attaches before the first packet is sent.
    drop(home.start(&wire.right, &row.arguments)?);
    let pause = Duration::from_millis(if pace == Pace::Full { 5 } else { 50 });
    let sent = thread::scope(|scope| {
        let sender = scope.spawn(|| traffic.flow(&wire, pause, &switch));
        let killed = kill_often(&mut row, &switch);
        switch.done.store(true, Ordering::Relaxed);
        let sent = sender.join().expect("the sender lives");
        killed.and(sent)
    })?;
    let arrived = wire.arrived()?.since(&before);
    if arrived.lost() > 0 || arrived.rx_packets != sent {
        return Ok(None);
    }
    account(&row, sent)?;
    Ok(Some(()))
}

fn kill_often(row: &mut Row<'_>, switch: &Switch) -> Result<()> {
    let seed = AtomicU64::new(7);
    let mut clockwork = None;
    let mut allowed = 0;
    for kill in 0..kills() {
        switch.storm.store(kill >= CALM_KILLS, Ordering::Relaxed);
        let span = Duration::from_millis(100 + next(&seed) % 1500);
        let lost = row.round(span, &mut clockwork)?;
        println!("agent {kill}: {span:?}; before it {lost} lost of at most {allowed}");
        ensure!(
            lost <= allowed,
            "agent {kill}: {lost} lost, {allowed} were late"
        );
        ensure!(kill > CALM_KILLS || lost == 0, "lost without a late packet");
        let clockwork = clockwork.as_mut().context("no counters")?;
        allowed = clockwork.since(WAIT)?;
    }
    Ok(())
}

/// The last agent of the row, on a quiet wire.
fn account(row: &Row<'_>, sent: u64) -> Result<()> {
    let running = row.home.start(&row.wire.right, &row.arguments)?;
    thread::sleep(Duration::from_millis(1200));
    let status: Status = row.home.status()?;
    let (end, log) = running.terminate()?;
    assert!(end.success() && !log.contains("ERROR"), "{log}");
    let (reasons, lost) = (total(&status.reasons), status.lost_in_crash.packets);
    println!(
        "{sent} sent, {} late, {reasons} under a reason, {lost} lost in crashes",
        status.late.packets
    );
    assert_eq!(status.balance.difference, 0, "{:?}", status.balance);
    assert_eq!(total(&status.seen), sent);
    let (written, live) = (status.written.packets, status.live.packets);
    assert_eq!(written + live + reasons + lost, sent);
    assert!(row.home.spools().is_empty() && row.home.pinned().is_empty());
    assert_eq!(packets_in_files(row.home)? + reasons + lost, sent);
    Ok(())
}

#[test]
fn agents_killed_under_traffic_lose_no_more_than_they_say_on_tcx() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| kill_and_start("tcx", pace))
}

#[test]
fn agents_killed_under_traffic_lose_no_more_than_they_say_on_clsact() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    without_drops(|pace| kill_and_start("clsact", pace))
}
