//! What a running meter tells and holds.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream, process::ExitStatusExt},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use collector::live::{Status, only_socket};
use collector_tests::{
    binary::{Home, Running},
    forms::{Forms, Found},
    link::VethPair,
    memory::{self, Mapping},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
    small_disk::SmallDisk,
    timed::Timed,
};
use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::{self, SigHandler, Signal},
};

use crate::{
    LEVELS,
    replayed::{files, unpacked},
    song,
};

/// Flows end while the test waits, and there are more of them than the table holds.
const FLAGS: [&str; 12] = [
    "--iface",
    "wire",
    "--table-size",
    "16",
    "--idle-timeout",
    "4",
    "--half-open-timeout",
    "2",
    "--linger",
    "1",
    "--log",
    "trace",
];
/// On a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace whose interface is metered, and who sends to it.
struct Cage {
    home: Home,
    forms: Forms,
    near: Namespace,
    sender: RawSocket,
    _far: Namespace,
}

impl Cage {
    fn new() -> Result<Self> {
        let (near, far) = (Namespace::new("near")?, Namespace::new("far")?);
        VethPair::between(&near, &far)?;
        Ok(Self {
            home: Home::new()?,
            forms: song::forms()?,
            sender: RawSocket::bind(&far, "wire")?,
            near,
            _far: far,
        })
    }

    fn start(&self, level: &[&str]) -> Result<Running> {
        self.home.start(&self.near, &[&FLAGS[..], level].concat())
    }

    fn send(&self, frames: Vec<Timed>) -> Result<()> {
        let frames: Vec<_> = frames.into_iter().map(|(_, frame)| frame).collect();
        self.sender.send_paced(&frames, 1000)?;
        Ok(())
    }

    /// The answer of the status socket, in which no canary is.
    fn status(&self) -> Result<Status> {
        let mut answer = Vec::new();
        let mut stream = UnixStream::connect(only_socket(&self.home.join("run"))?)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"status\n")?;
        stream.read_to_end(&mut answer)?;
        self.forms
            .assert_none_in("the status socket's answer", &answer);
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Waits until all flows have ended that came after `records` were written.
    fn wait_for_the_end(&self, records: u64) -> Result<u64> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let status = self.status()?;
            let settled = status.late_settled.packets + status.late_written.packets;
            let late = status.late.packets - settled;
            let ended = status.live_flows == 0 && status.flows_written > records;
            if ended && late == 0 {
                // The tick that wrote them looks after what they left.
                thread::sleep(Duration::from_millis(1500));
                return Ok(status.flows_written);
            }
            thread::sleep(Duration::from_millis(200));
        }
        bail!("flows do not end: {:?}", self.status()?)
    }

    /// No canary is in what `collector status` prints, in the log and in the files so far.
    fn assert_nothing_told(&self, log: &str) -> Result<()> {
        self.forms.assert_none_in("the log", log.as_bytes());
        for path in files(&self.home.out()) {
            let text = unpacked(&path)?;
            self.forms
                .assert_none_in(&path.display().to_string(), text.as_bytes());
        }
        for flags in [&[][..], &["--json"]] {
            let output = self
                .home
                .command(&self.near, "status")
                .args(flags)
                .output()?;
            let said = [output.stdout, output.stderr].concat();
            self.forms.assert_none_in("collector status", &said);
        }
        Ok(())
    }

    /// Canaries in the agent's own memory, each with where it is.
    fn remembered(&self, agent: &Running) -> Result<Vec<String>> {
        let mappings = memory::of_process(agent.id())?;
        let mut remembered = Vec::new();
        for mapping in &mappings {
            let found = self.forms.all_in(&mapping.bytes);
            remembered.extend(found.map(|found| place(mapping, &found)));
        }
        Ok(remembered)
    }

    fn assert_nothing_remembered(&self, agent: &Running, when: &str) -> Result<()> {
        let remembered = self.remembered(agent)?;
        ensure!(remembered.is_empty(), "{when}:\n{}", remembered.join("\n"));
        Ok(())
    }
}

/// A log of traces is long.
fn end_of(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// Where a canary is, with what is around it.
fn place(mapping: &Mapping, found: &Found) -> String {
    let around = found.at.saturating_sub(64)..(found.at + 64).min(mapping.bytes.len());
    let around = String::from_utf8_lossy(&mapping.bytes[around]).into_owned();
    format!(
        "{} at {:#x} of {}: {around:?}",
        found.what, found.at, mapping.name
    )
}

#[test]
fn no_canary_is_in_what_a_meter_tells_or_remembers_once_its_flows_have_ended() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for level in LEVELS {
        let cage = Cage::new()?;
        let agent = cage.start(level)?;
        cage.assert_nothing_remembered(&agent, "before the first packet")?;
        cage.send(song::pending()?)?;
        cage.assert_remembered_while_pending(&agent)?;
        cage.send(song::whole()?)?;
        let status = cage.status()?;
        ensure!(status.overflow > 0 && status.late.packets > 0, "{status:?}");
        cage.wait_for_the_end(0)?;
        cage.assert_nothing_remembered(&agent, "after the last flow")?;
        cage.assert_nothing_told(&agent.log()?)?;
        let (status, log) = agent.terminate()?;
        ensure!(status.success(), "{status}: {}", end_of(&log));
        cage.assert_nothing_told(&log)?;
        assert_only_the_owner_can_read(&cage);
    }
    Ok(())
}

impl Cage {
    /// The search sees what is there: payload of a flow that is under way.
    fn assert_remembered_while_pending(&self, agent: &Running) -> Result<()> {
        let start = Instant::now();
        while self.remembered(agent)?.is_empty() {
            ensure!(start.elapsed() < PATIENCE, "the canaries do not sing");
            self.send(song::pending()?)?;
        }
        Ok(())
    }
}

fn assert_only_the_owner_can_read(cage: &Cage) {
    let mode = |path: &std::path::Path| {
        let permissions = fs::metadata(path).expect("it is there").permissions();
        permissions.mode() & 0o777
    };
    for folder in [cage.home.out(), cage.home.join("run")] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for file in files(&folder) {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }
}

#[test]
fn no_canary_is_told_or_remembered_where_records_cannot_be_written() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for level in LEVELS {
        let cage = Cage::new()?;
        let disk = SmallDisk::mount(&cage.home.out())?;
        let agent = cage.start(level)?;
        disk.fill()?;
        cage.send(song::whole()?)?;
        cage.wait_for_the_end(0)?;
        ensure!(
            agent.log()?.contains("records wait in memory"),
            "{}",
            agent.log()?
        );
        cage.assert_nothing_remembered(&agent, "on a full disk")?;
        cage.assert_nothing_told(&agent.log()?)?;
        let (status, log) = agent.terminate()?;
        ensure!(status.code() == Some(1), "{status}: {}", end_of(&log));
        cage.assert_nothing_told(&log)?;
    }
    Ok(())
}

#[test]
fn a_signal_that_dumps_others_leaves_no_core_file() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_CORE)?;
    setrlimit(Resource::RLIMIT_CORE, hard, hard)?;
    // What a shell starts in the background ignores it, and so do its children.
    // SAFETY: the default action runs no code of this process.
    unsafe { signal::signal(Signal::SIGQUIT, SigHandler::SigDfl) }?;
    for signal in [Signal::SIGQUIT, Signal::SIGABRT] {
        let cage = Cage::new()?;
        let agent = cage.start(&[])?;
        cage.send(song::pending()?)?;
        let id = agent.id();
        let limits = fs::read_to_string(format!("/proc/{id}/limits"))?;
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let fields: Vec<_> = core.unwrap_or_default().split_whitespace().collect();
        ensure!(fields[4..6] == ["0", "0"], "{limits}");
        let (status, log) = agent.end_by(signal)?;
        ensure!(
            status.signal() == Some(signal as i32),
            "{status}: {}",
            end_of(&log)
        );
        ensure!(!status.core_dumped(), "{status}");
        cage.forms.assert_none_in("the log", log.as_bytes());
        // Spools as they were left.
        for path in files(&cage.home.out()) {
            cage.forms
                .assert_none_in("a spool", unpacked(&path)?.as_bytes());
        }
    }
    Ok(())
}
