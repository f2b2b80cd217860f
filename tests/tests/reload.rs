//! SIGHUP: the configuration file is read again, and what can change under way does.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use collector::live::Status;
use collector_common::packet::tcp;
use collector_tests::{
    binary::{Home, Running},
    generator::unanswered,
    link::{IpVersion, VethPair},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
};
use nix::sys::signal::Signal;

const PATIENCE: Duration = Duration::from_secs(30);

struct Place {
    home: Home,
    host: Namespace,
    far: Namespace,
    pair: VethPair,
}

impl Place {
    fn new() -> Result<Self> {
        let (far, host) = (Namespace::new("far")?, Namespace::new("host")?);
        let pair = VethPair::between(&far, &host)?;
        let home = Home::new()?;
        Ok(Self {
            home,
            host,
            far,
            pair,
        })
    }

    fn start(&self, configuration: &str) -> Result<Running> {
        let path = self.home.join("collector.toml");
        fs::write(&path, configuration)?;
        let path = path.to_string_lossy();
        let arguments = ["--iface", "wire", "--config", &*path];
        self.home.start(&self.host, &arguments)
    }

    /// Puts another file in the place of the configuration and waits for what is said of it.
    fn reload(&self, running: &Running, configuration: &str, words: &str) -> Result<String> {
        fs::write(self.home.join("collector.toml"), configuration)?;
        running.signal(Signal::SIGHUP)?;
        let start = Instant::now();
        while !running.log()?.contains(words) {
            ensure!(start.elapsed() < PATIENCE, "{words}? {}", running.log()?);
            thread::sleep(Duration::from_millis(50));
        }
        running.log()
    }

    fn send(&self, packets: usize) -> Result<()> {
        let path = unanswered(&self.pair.a, &self.pair.b, IpVersion::V4);
        let socket = RawSocket::bind(&self.far, &self.pair.a.name)?;
        socket.send_all(&vec![path.tcp(tcp::ACK, 1, &[]); packets])?;
        Ok(())
    }

    fn status_when(&self, fits: impl Fn(&Status) -> bool) -> Result<()> {
        let start = Instant::now();
        while !fits(&self.home.status()?) {
            ensure!(start.elapsed() < PATIENCE, "{:?}", self.home.status()?);
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

#[test]
fn timeouts_and_exclusions_change_under_way_and_a_table_needs_a_restart() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running =
        place.start("table-size = 1024\nidle-timeout = 600\nexclude = [\"203.0.113.7\"]")?;
    place.send(3)?;
    place.status_when(|status| status.live.packets == 3)?;
    let log = place.reload(
        &running,
        "table-size = 2048\nidle-timeout = 1\nexclude = [\"192.0.2.0/24\"]",
        "was read again",
    )?;
    assert!(log.contains("needs a restart: table-size"), "{log}");
    assert!(log.contains("changed=\"exclude, idle-timeout\""), "{log}");
    place.status_when(|status| status.flows_written == 1 && status.live_flows == 0)?;
    place.send(2)?;
    place.status_when(|status| status.reasons["excluded"].packets == 2)?;
    assert_eq!(place.home.status()?.table_size, 1024);
    let (end, log) = running.terminate()?;
    assert!(end.success(), "{log}");
    Ok(())
}

#[test]
fn a_damaged_file_changes_nothing_and_the_log_says_why() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start("table-size = 1024\nidle-timeout = 600")?;
    place.send(3)?;
    place.status_when(|status| status.live.packets == 3)?;
    for (damage, words) in [
        ("idle-timeout = 1\ntable-size = ", "line 2 is not TOML"),
        ("idle-timeout = 1\nlinger = 0", "--linger is from"),
        (
            "idle-timeout = 1\nprivacy = \"off\"",
            "`collector replay` alone",
        ),
    ] {
        let log = place.reload(&running, damage, words)?;
        assert!(log.contains("the configuration stays as it is"), "{log}");
    }
    fs::remove_file(place.home.join("collector.toml"))?;
    running.signal(Signal::SIGHUP)?;
    thread::sleep(Duration::from_millis(2500));
    let status = place.home.status()?;
    assert_eq!((status.live_flows, status.flows_written), (1, 0));
    assert!(
        running.log()?.contains("No such file"),
        "{}",
        running.log()?
    );
    assert!(running.terminate()?.0.success());
    Ok(())
}
