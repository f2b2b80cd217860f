//! What another agent left, of other sizes, of other interfaces or of another version: the next one
//! writes out what it can read, counts what it can't, and starts.

use std::{fs, process::Command, thread, time::Duration};

use anyhow::{Context, Result};
use collector::live::Status;
use collector_common::{LAYOUT_VERSION, packet::tcp};
use collector_tests::{
    binary::{Home, Running},
    generator::unanswered,
    link::{IpVersion, VethPair, quiet},
    netns::{Namespace, run},
    privileges::root_or_skip,
    raw_socket::RawSocket,
};

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
        host.ip("link add name second type veth peer name third")?;
        quiet(&host, "second")?;
        Ok(Self {
            home: Home::new()?,
            host,
            far,
            pair,
        })
    }

    fn start(&self, arguments: &[&str]) -> Result<Running> {
        let all = [&["--iface", "wire", "--idle-timeout", "600"], arguments].concat();
        self.home.start(&self.host, &all)
    }

    /// Sends a packet of each of so many flows to the host.
    fn send(&self, flows: u16) -> Result<()> {
        let socket = RawSocket::bind(&self.far, &self.pair.a.name)?;
        for port in 0..flows {
            let mut path = unanswered(&self.pair.a, &self.pair.b, IpVersion::V4);
            path.ports.0 += port;
            socket.send(&path.tcp(tcp::ACK, 1, &[]))?;
        }
        thread::sleep(Duration::from_millis(200));
        Ok(())
    }

    /// An agent that counted `flows` packets is killed; as many come while none runs.
    fn killed(&self, arguments: &[&str], flows: u16) -> Result<()> {
        let running = self.start(arguments)?;
        self.send(flows)?;
        running.kill()?;
        self.send(flows)
    }

    /// The next agent is sent `flows` packets and stops; its status before, and its log.
    fn next(&self, arguments: &[&str], flows: u16) -> Result<(Status, String)> {
        let running = self.start(arguments)?;
        self.send(flows)?;
        let status = self.home.status()?;
        assert!(status.balance.holds(), "{:?}", status.balance);
        assert_eq!(status.seen["ingress"].packets, u64::from(flows), "fresh");
        let (end, log) = running.terminate()?;
        assert!(end.success(), "{log}");
        assert!(self.home.pinned().is_empty() && self.home.spools().is_empty());
        Ok((status, log))
    }
}

/// The sum over all closed files of what `number` finds in lines of type `kind`.
fn sum(home: &Home, kind: &str, path: &str) -> Result<u64> {
    let mut sum = 0;
    for file in home.files() {
        let text = run(Command::new("zstd")
            .args(["--quiet", "-d", "-c"])
            .arg(&file))?;
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line)?;
            if line["type"] == kind {
                let number = line.pointer(path).and_then(serde_json::Value::as_u64);
                sum += number.context("no number")?;
            }
        }
    }
    Ok(sum)
}

fn packets(home: &Home) -> Result<u64> {
    sum(home, "statistics", "/all/packets")
}

#[test]
fn tables_of_another_size_are_written_out_and_fresh_ones_begin() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let place = Place::new()?;
        place.killed(&["--tc", way, "--table-size", "1024"], 30)?;
        let other = ["--tc", way, "--table-size", "2048", "--late-ring", "65536"];
        let (status, log) = place.next(&other, 7)?;
        assert!(log.contains("wrote out what a dead agent left"), "{log}");
        assert_eq!((status.table_size, status.live_flows), (2048, 7));
        assert_eq!(packets(&place.home)?, 30 + 30 + 7);
        assert_eq!(sum(&place.home, "counters", "/seen/packets")?, 67);
    }
    Ok(())
}

#[test]
fn another_set_of_interfaces_or_none_pinned_loses_nothing_of_the_last_agents() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let place = Place::new()?;
        let both = ["--tc", way, "--iface", "second", "--table-size", "1024"];
        place.killed(&both, 30)?;
        place.next(&["--tc", way, "--table-size", "1024"], 7)?;
        assert_eq!(packets(&place.home)?, 67);
        let filters = place
            .host
            .command("tc")
            .args(["filter", "show", "dev", "second", "ingress"])
            .output()?;
        assert!(
            !String::from_utf8_lossy(&filters.stdout).contains("meter"),
            "unhooked"
        );
        place.killed(&["--tc", way, "--table-size", "1024"], 10)?;
        place.next(&["--tc", way, "--no-pin", "--table-size", "1024"], 5)?;
        assert_eq!(packets(&place.home)?, 67 + 25);
    }
    Ok(())
}

#[test]
fn tables_of_interfaces_that_are_gone_are_written_out() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let mut place = Place::new()?;
    place.killed(&["--table-size", "1024"], 30)?;
    place.host.ip("link delete wire")?;
    place.pair = VethPair::between(&place.far, &place.host)?;
    place.next(&["--table-size", "1024"], 7)?;
    assert_eq!(packets(&place.home)?, 67);
    Ok(())
}

#[test]
fn what_another_version_left_is_counted_and_dropped_and_the_meter_starts() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    place.killed(&["--table-size", "1024"], 30)?;
    for entry in fs::read_dir(place.home.pins())? {
        let path = entry?.path();
        let name = path.file_name().context("a name")?.to_string_lossy();
        let (_, rest) = name.split_once('_').context("vN_…")?;
        let other = format!("v{}_{rest}", LAYOUT_VERSION + 1);
        fs::rename(&path, path.with_file_name(other))?;
    }
    let (status, log) = place.next(&["--table-size", "1024"], 7)?;
    assert!(
        log.contains("another version") && log.contains("flows=\"30\""),
        "{log}"
    );
    assert_eq!(status.lost_in_upgrade, 30);
    assert_eq!(sum(&place.home, "counters", "/lost_in_upgrade")?, 30);
    assert_eq!(packets(&place.home)?, 7);
    Ok(())
}

#[test]
fn a_clean_stop_before_an_upgrade_loses_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start(&["--table-size", "1024"])?;
    place.send(30)?;
    assert!(running.terminate()?.0.success());
    assert!(
        place.home.pinned().is_empty(),
        "nothing for another version to find"
    );
    let (status, _) = place.next(&["--table-size", "2048"], 7)?;
    assert_eq!(status.lost_in_upgrade, 0);
    assert_eq!(packets(&place.home)?, 37);
    Ok(())
}
