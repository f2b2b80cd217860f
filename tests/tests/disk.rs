//! What a disk may do to a meter: it goes on, what waits is bounded, and what no file has is counted
//! to the packet.

use std::{
    fs::{self, File},
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use collector::{
    live::Status,
    sink::disk::{Disk, LocalDisk, Space},
};
use collector_common::{books::Reason, schema::Line};
use collector_tests::{
    binary::{Home, Running},
    generator::{Generator, Stream},
    link::IpVersion,
    meter::{Meter, options, pipeline},
    small_disk::SmallDisk,
    wire::{Pace, Wire, wire_or_skip},
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Flows of a burst, with more packets each than a failed one has.
const FLOWS: u32 = 2_000;
const PACKETS: u32 = 6;
/// A burst's rows take more than the queue of the test has.
const QUEUE: &str = "16KiB";
const PATIENCE: Duration = Duration::from_secs(60);

/// An agent at work.
struct Run {
    wire: Wire,
    home: Home,
    bursts: Generator,
    sent: u64,
}

impl Run {
    fn new() -> Result<Self> {
        let wire = Wire::new()?;
        let stream = Stream::udp(&wire.pair.a, &wire.pair.b, IpVersion::V4, FLOWS);
        Ok(Self {
            bursts: wire.generator(&stream)?,
            home: Home::new()?,
            wire,
            sent: 0,
        })
    }

    fn agent(&self, more: &[&str]) -> Result<Running> {
        let interface = &self.wire.pair.b.name;
        let arguments = [
            "--iface",
            interface,
            "--idle-timeout",
            "1",
            "--queue-bytes",
            QUEUE,
        ];
        let arguments = [&arguments, more].concat();
        self.home.start(&self.wire.right, &arguments)
    }

    /// Flows that end two seconds later.
    fn burst(&mut self) -> Result<()> {
        let pace = Pace::PerSecond(40_000);
        self.sent += self.wire.send(&self.bursts, FLOWS * PACKETS, pace)?;
        Ok(())
    }

    fn until(&self, what: &str, reached: impl Fn(&Status) -> bool) -> Result<Status> {
        let start = Instant::now();
        loop {
            let status = self.home.status()?;
            ensure!(status.balance.holds(), "{what}: {:?}", status.balance);
            if reached(&status) {
                return Ok(status);
            }
            ensure!(start.elapsed() < PATIENCE, "{what}: {status:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn until_all_written(&self) -> Result<Status> {
        self.until("all written", |status| status.written.packets == self.sent)
    }

    /// Stops the agent: everything sent is in a file, or known to be in none.
    fn account(&self, agent: Running, unwritten: u64) -> Result<()> {
        let (end, log) = agent.terminate()?;
        // What is in no file makes it a failure.
        assert_eq!(end.success(), unwritten == 0, "{log}");
        let (files, told) = in_files(&self.home)?;
        assert_eq!(files + unwritten, self.sent, "{log}");
        assert_eq!(told, unwritten, "the files tell what they lack");
        assert!(self.home.spools().is_empty());
        Ok(())
    }
}

/// Packets of all closed files of flows, and what their counters say that none has.
fn in_files(home: &Home) -> Result<(u64, u64)> {
    let (mut packets, mut unwritten) = (0, 0);
    for path in home.files() {
        let text = zstd::decode_all(File::open(path)?)?;
        for line in str::from_utf8(&text)?.lines() {
            match serde_json::from_str(line)? {
                Line::Statistics(line) => packets += line.all.packets,
                Line::Counters(line) => unwritten += line.counters.unwritten.packets,
                _ => {}
            }
        }
    }
    Ok((packets, unwritten))
}

#[test]
fn a_full_disk_loses_what_the_queue_can_not_hold_to_the_packet_and_nothing_once_there_is_room()
-> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let mut run = Run::new()?;
    let disk = SmallDisk::mount(&run.home.out())?;
    let agent = run.agent(&[])?;
    run.burst()?;
    assert_eq!(run.until_all_written()?.unwritten.packets, 0);
    disk.fill()?;
    for _ in 0..2 {
        run.burst()?;
        run.until_all_written()?;
    }
    let full = run.until("beyond the queue", |status| status.unwritten.packets > 0)?;
    disk.empty()?;
    run.burst()?;
    let after = run.until_all_written()?;
    assert_eq!(after.unwritten, full.unwritten, "there is room again");
    assert!(full.unwritten.packets < 2 * u64::from(FLOWS * PACKETS));
    let log = agent.log()?;
    assert!(
        log.contains("records wait in memory") && log.contains("takes records again"),
        "{log}"
    );
    run.account(agent, after.unwritten.packets)
}

#[test]
fn a_folder_that_can_not_be_written_and_one_that_is_removed_lose_nothing_within_the_queue()
-> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let mut run = Run::new()?;
    let agent = run.agent(&["--no-sandbox"])?;
    run.burst()?;
    run.until_all_written()?;
    let out = run.home.out();
    let covered = ReadOnly::over(&out)?;
    run.sent += run
        .wire
        .send(&run.bursts, FLOWS / 20, Pace::PerSecond(40_000))?;
    run.until_all_written()?;
    drop(covered);
    run.burst()?;
    run.until_all_written()?;
    fs::remove_dir_all(run.home.out())?;
    run.burst()?;
    let status = run.until_all_written()?;
    assert_eq!(status.unwritten.packets, 0);
    let log = agent.log()?;
    assert!(
        log.contains("Read-only file system") && log.contains("written there anew"),
        "{log}"
    );
    run.account(agent, 0)
}

#[test]
fn an_agent_in_its_sandbox_ends_when_its_folder_goes_and_the_next_one_makes_it_anew() -> Result<()>
{
    if !wire_or_skip() {
        return Ok(());
    }
    let mut run = Run::new()?;
    let mut agent = run.agent(&[])?;
    run.burst()?;
    run.until_all_written()?;
    fs::remove_dir_all(run.home.out())?;
    run.burst()?;
    let start = Instant::now();
    let end = loop {
        if let Some(end) = agent.ended()? {
            break end;
        }
        ensure!(start.elapsed() < PATIENCE, "it goes on: {}", agent.log()?);
        thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(end.code(), Some(1));
    let log = agent.log()?;
    assert!(log.contains("the output folder is gone"), "{log}");
    assert!(run.home.pinned().is_empty(), "the next one starts afresh");
    run.sent = 0;
    let agent = run.agent(&[])?;
    run.burst()?;
    run.until_all_written()?;
    run.account(agent, 0)
}

/// A file system that takes nothing, over a folder; gone when dropped.
struct ReadOnly<'a>(&'a Path);

impl<'a> ReadOnly<'a> {
    fn over(folder: &'a Path) -> Result<Self> {
        let none = None::<&str>;
        mount(
            Some("tmpfs"),
            folder,
            Some("tmpfs"),
            MsFlags::MS_RDONLY,
            none,
        )?;
        Ok(Self(folder))
    }
}

impl Drop for ReadOnly<'_> {
    fn drop(&mut self) {
        if let Err(error) = umount2(self.0, MntFlags::MNT_DETACH) {
            eprintln!("{} stays mounted: {error}", self.0.display());
        }
    }
}

/// A disk that takes two seconds for each sync.
#[derive(Debug)]
struct Slow;

impl Disk for Slow {
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        LocalDisk.write(file, bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        thread::sleep(Duration::from_secs(2));
        LocalDisk.sync(file)
    }

    fn space(&self, folder: &Path) -> io::Result<Space> {
        LocalDisk.space(folder)
    }
}

#[test]
fn a_slow_disk_costs_no_packet() -> Result<()> {
    if !wire_or_skip() {
        return Ok(());
    }
    let wire = Wire::new()?;
    let stream = Stream::udp(&wire.pair.a, &wire.pair.b, IpVersion::V4, FLOWS);
    let bursts = wire.generator(&stream)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(&wire.pair.b.name, folder.path());
    // Flows end while packets come, so that there are late ones, too.
    options.timeouts.idle = 300_000_000;
    let mut config = pipeline(folder.path());
    config.disk = Box::new(Slow);
    let meter = Meter::start(&wire.right, options, config)?;
    let mut sent = 0;
    for _ in 0..20 {
        sent += wire.send(&bursts, 5 * FLOWS, Pace::PerSecond(40_000))?;
        thread::sleep(Duration::from_millis(250));
    }
    let arrived = wire.arrived()?;
    let (summary, _) = meter.stop()?;
    assert_eq!(arrived.rx_packets, sent, "the wire lost none");
    assert_eq!(summary.books.reasons[Reason::LateLost as usize].packets, 0);
    assert_eq!(summary.written.packets, sent);
    assert_eq!(
        (summary.unwritten.packets, summary.balance.difference),
        (0, 0)
    );
    Ok(())
}
