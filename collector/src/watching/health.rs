//! How the meter does: what fills up, what is lost, what it takes of the host.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicU64, Ordering},
};

use collector_common::schema::Level;
use nix::{
    dir::Dir,
    fcntl::OFlag,
    sys::{
        resource::{UsageWho, getrusage},
        stat::Mode,
        time::TimeValLike,
    },
    unistd::{SysconfVar, sysconf},
};
use serde::{Deserialize, Serialize};

use super::view::{By, Row};

/// Something of fixed size that fills up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// In it, as last seen.
    pub now: u64,
    /// The most that was seen in it since the agent started.
    pub peak: u64,
    /// What goes in.
    pub size: u64,
}

/// Keeps a [`Fill`]; threads may share it.
#[derive(Debug)]
pub struct Gauge {
    now: AtomicU64,
    peak: AtomicU64,
    size: u64,
}

impl Gauge {
    /// Empty.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self {
            now: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            size,
        }
    }

    /// So much was in it just now.
    pub fn found(&self, amount: u64) {
        let amount = amount.min(self.size);
        self.now.store(amount, Ordering::Relaxed);
        self.peak.fetch_max(amount, Ordering::Relaxed);
    }

    /// As it is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        Fill {
            now: self.now.load(Ordering::Relaxed),
            peak: self.peak.load(Ordering::Relaxed),
            size: self.size,
        }
    }
}

/// What is lost, since the kernel's maps were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Payload samples that found their ring full: a label may suffer, no count does.
    pub samples: u64,
    /// Payload samples that were not looked at, since too many flows were undecided.
    pub samples_shed: u64,
    /// Packets that found table and ring full.
    pub overflow: u64,
    /// Packets of closing flows that found the ring full.
    pub late: u64,
    /// Packets that a killed agent had read and put nowhere.
    pub in_crash: u64,
    /// Packets of records that the disk did not take for too long.
    pub unwritten: u64,
}

/// What waits for the disk, and what went from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Bytes of records that wait in memory.
    pub queue: Fill,
    /// The disk takes nothing at the moment.
    pub failing: bool,
    /// Seconds since the spool that is written was begun.
    pub spool_age: u64,
    /// Spools that wait to be closed.
    pub spools_waiting: u64,
    /// Closed files that retention removed since the agent started.
    pub files_removed: u64,
    /// Their bytes.
    pub bytes_removed: u64,
}

/// What the agent's process takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Bytes of memory that are its own or mapped, without the kernel's maps.
    pub resident_bytes: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Seconds of CPU time so far.
    pub cpu_seconds: f64,
}

/// Reads [`Process`]; opened while /proc can be, and kept.
pub struct SelfWatch {
    memory: File,
    descriptors: Dir,
    page: u64,
}

impl SelfWatch {
    /// Opens what it reads.
    ///
    /// # Errors
    /// No /proc.
    pub fn open() -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let page = sysconf(SysconfVar::PAGE_SIZE)?.unwrap_or(4096);
        Ok(Self {
            memory: File::open("/proc/self/statm")?,
            descriptors: Dir::open("/proc/self/fd", flags, Mode::empty())?,
            page: page.unsigned_abs(),
        })
    }

    /// Now; what can't be read is 0.
    pub fn look(&mut self) -> Process {
        Process {
            resident_bytes: self.resident_pages().unwrap_or(0) * self.page,
            descriptors: self.open_descriptors(),
            cpu_seconds: cpu_seconds(),
        }
    }

    /// Second number of statm (proc_pid_statm(5)).
    fn resident_pages(&self) -> Option<u64> {
        let mut text = [0; 128];
        let length = self.memory.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse().ok()
    }

    fn open_descriptors(&mut self) -> u64 {
        let entries = self.descriptors.iter().flatten();
        let is_number = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
        let named = entries.filter(|entry| is_number(entry.file_name().to_bytes()));
        named.count() as u64
    }
}

fn cpu_seconds() -> f64 {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
        return 0.0;
    };
    let used = usage.user_time() + usage.system_time();
    // Exact up to 2^53 microseconds: 285 years.
    used.num_microseconds() as f64 / 1e6
}

/// How the meter does, cheap to ask for: no walk over the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Flows in the table, about: exact in `live_flows` of `collector status`, which counts them.
    pub table: Fill,
    /// By ring: bytes that were found in it when it was emptied.
    pub rings: BTreeMap<String, Fill>,
    /// What is lost.
    pub losses: Losses,
    /// On the way to files.
    pub output: Output,
    /// The process itself.
    pub process: Process,
    /// What is wrong, worst first, each in some words; empty when all is well.
    pub troubles: Vec<String>,
}

/// What passed in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Packets a second, in and out.
    pub packets: [u64; 2],
    /// Bits a second, in and out.
    pub bits: [u64; 2],
}

/// The agent's answer to `collector top`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Glance {
    /// Version of the agent.
    pub version: String,
    /// Interfaces metered.
    pub interfaces: Vec<String>,
    /// How much is removed from what is told.
    pub level: Level,
    /// Seconds since the agent started.
    pub uptime: u64,
    /// Of the last minute, a second each, oldest first.
    pub rates: Vec<Rates>,
    /// How the meter does.
    pub health: Health,
    /// What ended, most bytes of the last minute first.
    pub traffic: BTreeMap<By, Vec<Row>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_keeps_its_peak_and_never_passes_its_size() {
        let gauge = Gauge::new(100);
        for amount in [30, 200, 10] {
            gauge.found(amount);
        }
        let fill = gauge.fill();
        assert_eq!((fill.now, fill.peak, fill.size), (10, 100, 100));
    }

    #[test]
    fn the_process_reads_itself_again_and_again() {
        let mut watch = SelfWatch::open().unwrap();
        let before = watch.look();
        assert!(before.resident_bytes > 1 << 20, "{before:?}");
        let held: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        // Others open and close theirs at the same time.
        let after = watch.look();
        assert!(after.descriptors >= 50, "{before:?} {after:?}");
        assert!(after.cpu_seconds >= before.cpu_seconds);
        drop(held);
    }
}
