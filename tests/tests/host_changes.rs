//! What changes on a host while it is metered, with the shipped program: it goes on with exact
//! counts, or writes all it has and ends with a reason.

use std::{
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use collector::live::Status;
use collector_common::{packet::tcp, schema::HostChanges, settings::SECOND};
use collector_tests::{
    binary::{Home, Running, assert_fails},
    generator::unanswered,
    link::{IpVersion, Offloads, VethOptions, VethPair, quiet},
    meter::{Meter, options, pipeline},
    netns::{Namespace, run},
    privileges::root_or_skip,
    raw_socket::RawSocket,
};

const FAILURE: i32 = 1;
/// Offloads are looked at every ten seconds.
const PATIENCE: Duration = Duration::from_secs(40);

/// A host with a wire, whose other end sends.
struct Place {
    home: Home,
    host: Namespace,
    far: Namespace,
    pair: VethPair,
}

impl Place {
    fn new() -> Result<Self> {
        Self::with(VethOptions::default())
    }

    fn with(options: VethOptions) -> Result<Self> {
        let (far, host) = (Namespace::new("far")?, Namespace::new("host")?);
        let pair = VethPair::with(&far, &host, options)?;
        Ok(Self {
            home: Home::new()?,
            host,
            far,
            pair,
        })
    }

    fn start(&self, arguments: &[&str]) -> Result<Running> {
        let all = [&["--iface", "wire", "--table-size", "1024"], arguments].concat();
        self.home.start(&self.host, &all)
    }

    fn run(&self) -> Command {
        let mut run = self.home.command(&self.host, "run");
        run.args(["--iface", "wire", "--table-size", "1024"]);
        run
    }

    /// Sends so many packets of one flow to the host.
    fn send(&self, packets: usize) -> Result<()> {
        let path = unanswered(&self.pair.a, &self.pair.b, IpVersion::V4);
        let socket = RawSocket::bind(&self.far, &self.pair.a.name)?;
        socket.send_all(&vec![path.tcp(tcp::ACK, 1, &[]); packets])?;
        Ok(())
    }

    /// What the agent says once that fits.
    fn status_when(&self, fits: impl Fn(&Status) -> bool) -> Result<Status> {
        let start = Instant::now();
        loop {
            let status = self.home.status()?;
            if fits(&status) {
                return Ok(status);
            }
            ensure!(start.elapsed() < PATIENCE, "still {status:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn seen(&self, packets: u64) -> Result<Status> {
        let status = self.status_when(|status| status.seen["ingress"].packets >= packets)?;
        assert_eq!(status.seen["ingress"].packets, packets, "none twice");
        Ok(status)
    }

    fn changed(&self, fits: impl Fn(&HostChanges) -> bool) -> Result<Status> {
        self.status_when(|status| fits(&status.host))
    }
}

/// The end of an agent that ends by itself, and its log.
fn end_of(running: Running) -> Result<(ExitStatus, String)> {
    let start = Instant::now();
    let mut running = running;
    loop {
        if let Some(status) = running.ended()? {
            return Ok((status, running.log()?));
        }
        ensure!(start.elapsed() < PATIENCE, "it runs on: {}", running.log()?);
        thread::sleep(Duration::from_millis(50));
    }
}

/// The sum of packets in the statistics of all closed files.
fn written(home: &Home) -> Result<u64> {
    let mut packets = 0;
    for file in home.files() {
        let text = run(Command::new("zstd")
            .args(["--quiet", "-d", "-c"])
            .arg(&file))?;
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line)?;
            if line["type"] == "statistics" {
                packets += line["all"]["packets"].as_u64().context("no number")?;
            }
        }
    }
    Ok(packets)
}

#[test]
fn metering_goes_on_through_a_flap_a_new_name_another_mtu_and_other_offloads() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let place = Place::new()?;
        let running = place.start(&["--tc", way])?;
        place.send(3)?;
        place.seen(3)?;
        place.host.ip("link set wire down")?;
        place.changed(|host| host.link_down == 1)?;
        place.host.ip("link set wire name other")?;
        place.host.ip("link set other mtu 1400 up")?;
        run(place
            .host
            .command("ethtool")
            .args(["-K", "other", "gro", "on"]))?;
        place.send(4)?;
        place.seen(7)?;
        let status = place.changed(|host| host.offloads == 1)?;
        let changes = HostChanges {
            link_down: 1,
            renamed: 1,
            mtu: 1,
            offloads: 1,
            ..HostChanges::default()
        };
        assert_eq!(status.host, changes);
        assert_eq!(status.interfaces, ["other"]);
        assert!(status.hooks.iter().all(|hook| hook.starts_with("other ")));
        let (end, log) = running.terminate()?;
        assert!(end.success(), "{log}");
        for words in [
            "is down",
            "is up again",
            "renamed",
            "MTU changed",
            "offloads changed",
        ] {
            assert!(log.contains(words), "{words}? {log}");
        }
        assert_eq!(written(&place.home)?, 7);
    }
    Ok(())
}

#[test]
fn an_interface_that_goes_ends_the_agent_with_all_written_and_it_starts_when_it_is_back()
-> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for way in ["tcx", "clsact"] {
        let mut place = Place::new()?;
        let running = place.start(&["--tc", way])?;
        place.send(5)?;
        place.seen(5)?;
        place.host.ip("link delete wire")?;
        let (end, log) = end_of(running)?;
        assert_eq!(end.code(), Some(FAILURE), "{log}");
        assert!(log.contains("wire is gone"), "{log}");
        assert_eq!(written(&place.home)?, 5);
        assert!(place.home.spools().is_empty() && place.home.pinned().is_empty());
        assert_fails(&mut place.run(), FAILURE, &["there is no interface wire"])?;
        place.pair = VethPair::between(&place.far, &place.host)?;
        let running = place.start(&["--tc", way])?;
        place.send(2)?;
        place.seen(2)?;
        assert!(running.terminate()?.0.success());
        assert_eq!(written(&place.home)?, 7);
    }
    Ok(())
}

#[test]
fn an_interface_of_several_that_is_made_anew_within_a_second_ends_the_agent() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let mut place = Place::new()?;
    place
        .host
        .ip("link add name second type veth peer name third")?;
    quiet(&place.host, "second")?;
    let running = place.start(&["--iface", "second"])?;
    place.send(5)?;
    place.seen(5)?;
    place.host.ip("link delete wire")?;
    place.pair = VethPair::between(&place.far, &place.host)?;
    let (end, log) = end_of(running)?;
    assert_eq!(end.code(), Some(FAILURE), "{log}");
    assert!(log.contains("wire is gone"), "{log}");
    assert_eq!(written(&place.home)?, 5);
    assert!(place.home.pinned().is_empty());
    Ok(())
}

#[test]
fn a_filter_that_somebody_takes_away_ends_the_agent() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let running = place.start(&["--tc", "clsact"])?;
    place.send(5)?;
    place.seen(5)?;
    run(place
        .host
        .command("tc")
        .args(["qdisc", "del", "dev", "wire", "clsact"]))?;
    let (end, log) = end_of(running)?;
    assert_eq!(end.code(), Some(FAILURE), "{log}");
    assert!(log.contains("removed the filter from wire"), "{log}");
    assert_eq!(written(&place.home)?, 5);
    Ok(())
}

#[test]
fn tags_that_a_driver_begins_to_strip_end_an_agent_at_xdp() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::with(VethOptions {
        offloads: Offloads::None,
        ..VethOptions::default()
    })?;
    let ethtool = |setting: &str| {
        let mut ethtool = place.host.command("ethtool");
        run(ethtool.args(["-K", "wire", "rxvlan", setting]))
    };
    ethtool("off")?;
    let running = place.start(&["--ingress", "xdp"])?;
    assert!(place.home.status()?.hooks[0].contains("xdp"));
    ethtool("on")?;
    let (end, log) = end_of(running)?;
    assert_eq!(end.code(), Some(FAILURE), "{log}");
    assert!(log.contains("strips their tags"), "{log}");
    Ok(())
}

#[test]
fn a_clock_that_is_set_either_way_is_counted_and_loses_nothing() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let folder = tempfile::tempdir()?;
    let options = options(&place.pair.b.name, folder.path());
    let meter = Meter::start(&place.host, options, pipeline(folder.path()))?;
    place.send(5)?;
    for step in [3600, -7200] {
        meter.run(move |agent| {
            agent.step_wall_clock(step * SECOND.cast_signed());
            agent.tick(collector::live::boot_time())
        })?;
    }
    let host = meter.status()?.host;
    assert_eq!((host.clock_steps, host.suspends), (2, 0));
    let (summary, records) = meter.stop()?;
    assert_eq!(summary.balance.difference, 0);
    assert_eq!(records.len(), 1);
    Ok(())
}
