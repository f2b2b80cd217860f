//! Whose traffic is whose: on a capture of a private Tor network, flow by flow, and live, by the
//! users whose sockets speak.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use collector::{
    locate::{
        Places, Surroundings,
        ip::Ip,
        leg::{Config, Host, Source},
    },
    record::Record,
};
use collector_common::schema::{Country, Leg, LegBasis};
use collector_tests::{
    binary::{Home, program},
    captures, clients,
    clients::RecordType,
    exact::{opener, responder},
    link::{IpVersion, VethPair},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    peers::{self, PAGES, SERVER_NAME, Server},
    privileges::root_or_skip,
    tornet,
};
use jiff::Timestamp;
use serde_json::Value;

/// The relay of the capture, as its own files told of it.
const TORRC: &str = "Nickname exit\nORPort 203.0.113.9:9001 IPv4Only\n\
    ORPort [2001:db8:e::9]:9001 IPv6Only\nDataDirectory /nonexistent/tor\nExitRelay 1\n\
    ExitPolicy reject 0.0.0.0/8:*,accept *:*\n";

/// Its consensus: three authorities, two middles, the exit.
fn consensus() -> String {
    let mut text =
        "network-status-version 3 microdesc\nvalid-after 2026-11-22 17:45:40\n".to_owned();
    for host in 11..=13 {
        text += &format!("dir-source auth{host} ID 192.0.2.{host} 192.0.2.{host} 7000 9001\n");
    }
    let mut relay = |name: &str, v4: &str, dir_port: u16, v6: Option<&str>| {
        text += &format!("r {name} ID 2038-01-01 00:00:00 {v4} 9001 {dir_port}\n");
        text += &v6.map_or(String::new(), |v6| format!("a [{v6}]:9001\n"));
    };
    for host in 11..=13 {
        let v6 = format!("2001:db8:a::{host}");
        relay("auth", &format!("192.0.2.{host}"), 7000, Some(&v6));
    }
    relay("middle1", "192.0.2.21", 0, None);
    relay("middle2", "192.0.2.22", 0, None);
    relay("exit", "203.0.113.9", 0, Some("2001:db8:e::9"));
    text
}

/// Transport and ports of a flow, the smaller one first.
type Ends = (String, [u16; 2]);

/// What replay says of each flow: leg and basis of its records.
fn replayed(capture: &Path, arguments: &[&str]) -> Result<BTreeMap<Ends, BTreeSet<String>>> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let torrc = folder.path().join("torrc");
    let network = folder.path().join("network");
    fs::write(&torrc, TORRC)?;
    fs::write(&network, consensus())?;
    let mut command = program();
    command.arg("replay").arg(capture).arg("--out").arg(&out);
    command.args([
        "--privacy",
        "off",
        "--host",
        "203.0.113.9",
        "--host",
        "2001:db8:e::9",
    ]);
    for argument in arguments {
        command.arg(argument);
        match *argument {
            "--torrc" => command.arg(&torrc),
            "--consensus" => command.arg(&network),
            _ => &mut command,
        };
    }
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{said}");
    let files: Vec<PathBuf> = fs::read_dir(&out)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    let lines = String::from_utf8(zstd::decode_all(fs::File::open(&files[0])?)?)?;
    let mut told: BTreeMap<Ends, BTreeSet<String>> = BTreeMap::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line)?;
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let mut ports = [0; 2];
        for (port, field) in ports.iter_mut().zip(["src_port", "dst_port"]) {
            *port = u16::try_from(line[field].as_u64().context("a port")?)?;
        }
        ports.sort_unstable();
        let said = format!("{} {}", text("leg"), text("leg_basis"));
        told.entry((text("proto"), ports)).or_default().insert(said);
    }
    Ok(told)
}

/// Holds what replay says against the truth; gives how many flows that is.
fn assert_true(
    folder: &Path,
    arguments: &[&str],
    expected: impl Fn(&str) -> &'static str,
) -> Result<usize> {
    let told = replayed(&folder.join("exit.pcap"), arguments)?;
    let truth = tornet::truth(&folder.join("flows.tsv"))?;
    for flow in &truth {
        let mut ports = flow.flow.ports;
        ports.sort_unstable();
        let said = &told[&(flow.flow.transport.clone(), ports)];
        assert_eq!(*said, [expected(&flow.class).to_owned()].into(), "{flow:?}");
    }
    Ok(truth.len())
}

#[test]
fn every_flow_of_a_tor_exit_gets_its_leg_from_torrc_and_consensus() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or torrc",
        "tor-dir" => "dir consensus",
        "dns" => "dns port",
        "exit" => "exit port",
        _ => "",
    };
    let flows = assert_true(&folder, &["--torrc", "--consensus"], known)?;
    assert_eq!(flows, 108);
    Ok(())
}

#[test]
fn the_consensus_alone_knows_the_exits_own_port_too() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or consensus",
        "tor-dir" => "dir consensus",
        "dns" => "dns port",
        "exit" => "exit port",
        _ => "",
    };
    assert_true(&folder, &["--consensus"], known)?;
    Ok(())
}

#[test]
fn without_a_consensus_directory_traffic_looks_like_an_exits() -> Result<()> {
    let Some(folder) = captures::tornet() else {
        return Ok(());
    };
    let known = |class: &str| match class {
        "tor-or" => "or torrc",
        "dns" => "dns port",
        _ => "exit port",
    };
    assert_true(&folder, &["--torrc"], known)?;
    Ok(())
}

/// Users that this host need not have.
const FIRST: u32 = 64_711;
const SECOND: u32 = 64_712;
const STRANGER: u32 = 64_713;
/// Where both relays are spoken to.
const OR_PORT: u16 = 9001;
/// Where the host's resolver listens, for nobody outside.
const RESOLVER: u16 = 5353;

/// A host with two relays, and the world.
struct Scene {
    host: Namespace,
    world: Namespace,
    pair: VethPair,
    folder: tempfile::TempDir,
    _servers: [Server; 2],
}

impl Scene {
    fn new() -> Result<Self> {
        let (host, world) = (Namespace::new("host")?, Namespace::new("world")?);
        let pair = VethPair::between(&host, &world)?;
        let servers = [peers::nginx(&world, 80, 443)?, peers::dnsmasq(&world, 53)?];
        Ok(Self {
            host,
            world,
            pair,
            folder: tempfile::tempdir()?,
            _servers: servers,
        })
    }

    fn of_world(&self, version: IpVersion, port: u16) -> SocketAddr {
        SocketAddr::new(self.pair.b.address(version), port)
    }

    fn of_host(&self, version: IpVersion, port: u16) -> SocketAddr {
        SocketAddr::new(self.pair.a.address(version), port)
    }

    /// What is known of the host and its relays: the second one is on IPv6 only. The world's
    /// port 443 is another relay's.
    fn source(&self) -> Result<Source> {
        let [first, second, network] = self.files()?;
        let config = Config {
            torrcs: vec![first, second],
            consensuses: vec![network],
            ..Config::new(Host::This)
        };
        let _inside = self.host.enter()?;
        Ok(Source::open(config, Timestamp::now())?)
    }

    /// Two torrc files and a consensus.
    fn files(&self) -> Result<[PathBuf; 3]> {
        let write = |name: &str, text: String| {
            let path = self.folder.path().join(name);
            fs::write(&path, text).map(|()| path)
        };
        let (v4, v6) = (self.pair.a.v4, self.pair.a.v6);
        let first = format!(
            "Nickname first\nUser {FIRST}\nORPort {v4}:{OR_PORT}\nOutboundBindAddress {v4}\n"
        );
        let second = format!(
            "Nickname second\nUser {SECOND}\nORPort [{v6}]:{OR_PORT} IPv6Only\n\
             OutboundBindAddressExit [{v6}]\n"
        );
        let other = format!(
            "r other ID 2038-01-01 00:00:00 {} 443 0\na [{}]:443\n",
            self.pair.b.v4, self.pair.b.v6
        );
        Ok([
            write("first", first)?,
            write("second", second)?,
            write("consensus", other)?,
        ])
    }

    /// What became of the traffic of `talk` at the host's wire, with what is told of it.
    fn metered(
        &self,
        surroundings: &Surroundings,
        talk: impl FnOnce() -> Result<()>,
    ) -> Result<Vec<(Record, Places)>> {
        let mut config = pipeline(self.folder.path());
        config.surroundings = surroundings.clone();
        let options = options(&self.pair.a.name, self.folder.path());
        let meter = Meter::start(&self.host, options, config)?;
        talk()?;
        let (summary, records) = meter.stop()?;
        assert!(summary.balance.holds());
        let told = |record: Record| {
            let places = surroundings.places(&record.flow);
            (record, places)
        };
        Ok(records.into_iter().map(told).collect())
    }
}

fn with_legs(source: &Source) -> Surroundings {
    Surroundings {
        legs: source.current(),
        ..Surroundings::default()
    }
}

/// The one flow that was opened to this end.
#[track_caller]
fn to(told: &[(Record, Places)], end: SocketAddr) -> &Places {
    let found: Vec<_> = told
        .iter()
        .filter(|(record, _)| responder(record) == end)
        .collect();
    assert_eq!(found.len(), 1, "flows to {end}");
    &found[0].1
}

#[test]
fn what_other_users_of_the_host_fetch_and_ask_is_no_exit_traffic() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let scene = Scene::new()?;
    let upstream = scene.of_world(IpVersion::V4, 53);
    let _resolver = peers::resolver(&scene.host, "daemon", RESOLVER, upstream)?;
    let (relay, download) = (
        scene.of_world(IpVersion::V4, 80),
        scene.of_world(IpVersion::V6, 80),
    );
    let told = scene.metered(&with_legs(&scene.source()?), || {
        let local = SocketAddr::new("127.0.0.1".parse()?, RESOLVER);
        clients::resolve(&scene.host, local, SERVER_NAME, RecordType::A)?;
        clients::fetch_as(&scene.host, STRANGER, download, PAGES[0].path)?;
        clients::fetch_as(&scene.host, FIRST, relay, PAGES[0].path)?;
        Ok(())
    })?;
    let legs = |end| {
        let places = to(&told, end);
        (places.leg, places.leg_basis)
    };
    assert_eq!(legs(upstream), (Leg::Dns, LegBasis::Port));
    assert_eq!(legs(download), (Leg::Local, LegBasis::User));
    assert_eq!(legs(relay), (Leg::Exit, LegBasis::User));
    assert_eq!(told.len(), 3);
    for (_, places) in &told {
        assert_eq!(places.source.country, Country::HOST);
        assert_ne!(places.destination.country, Country::HOST);
    }
    Ok(())
}

#[test]
fn two_relays_on_two_addresses_are_kept_apart() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let scene = Scene::new()?;
    let told = scene.metered(&with_legs(&scene.source()?), || {
        for (user, version) in [(FIRST, IpVersion::V4), (SECOND, IpVersion::V6)] {
            let web = scene.of_world(version, 80);
            clients::fetch_as(&scene.host, user, web, PAGES[0].path)?;
            let own_port = scene.of_host(version, OR_PORT);
            let other_relay = scene.of_world(version, 443);
            // Nobody listens on the relays' ports: a refusal is a flow, too.
            let _inside = scene.world.enter()?;
            assert!(TcpStream::connect(own_port).is_err());
            drop(_inside);
            let plain = clients::fetch_as(&scene.host, user, other_relay, PAGES[0].path);
            assert!(plain.is_err(), "the port wants TLS");
        }
        Ok(())
    })?;
    for (name, version) in [("first", IpVersion::V4), ("second", IpVersion::V6)] {
        let relay = name.parse().ok();
        for (end, leg, leg_basis) in [
            (scene.of_world(version, 80), Leg::Exit, LegBasis::User),
            (scene.of_host(version, OR_PORT), Leg::Or, LegBasis::Torrc),
            (scene.of_world(version, 443), Leg::Or, LegBasis::Consensus),
        ] {
            let places = to(&told, end);
            assert_eq!(
                (places.leg, places.leg_basis, places.relay),
                (leg, leg_basis, relay)
            );
        }
    }
    Ok(())
}

#[test]
fn the_flags_of_the_program_say_whose_traffic_is_whose() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (scene, home) = (Scene::new()?, Home::new()?);
    let [first, _, network] = scene.files()?;
    let [torrc, network] = [&first, &network].map(|path| path.to_string_lossy());
    let stranger = STRANGER.to_string();
    let rule = format!("inbound:out,user={SECOND}");
    let interface = ["--iface", &scene.pair.a.name];
    let tor = ["--torrc", &torrc, "--consensus", &network];
    let users = ["--tor-user", &stranger, "--leg-rule", &rule];
    let running = home.start(&scene.host, &[interface.as_slice(), &tor, &users].concat())?;
    let web = scene.of_world(IpVersion::V4, 80);
    for user in [FIRST, SECOND, STRANGER, STRANGER + 1] {
        clients::fetch_as(&scene.host, user, web, PAGES[0].path)?;
    }
    let (status, log) = running.terminate()?;
    assert!(status.success(), "{log}");
    let files = home.files();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().unwrap_or_default().to_string_lossy();
    assert!(name.starts_with("flows-first-"), "{name}");
    let text = String::from_utf8(zstd::decode_all(fs::File::open(&files[0])?)?)?;
    let mut told = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line)?;
        if line["type"] == "flow" {
            let said =
                [&line["leg"], &line["leg_basis"]].map(|field| field.as_str().map(str::to_owned));
            *told.entry(said.map(Option::unwrap_or_default)).or_insert(0) += 1;
        }
    }
    let expected = [
        ("exit", "user", 2),
        ("inbound", "rule", 1),
        ("local", "user", 1),
    ];
    let expected = expected.map(|(leg, basis, flows)| ([leg, basis].map(str::to_owned), flows));
    assert_eq!(told, BTreeMap::from(expected));
    Ok(())
}

#[test]
fn what_nobody_asked_for_is_inbound_whatever_its_port() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let scene = Scene::new()?;
    let knock = scene.of_host(IpVersion::V4, 22);
    // The second relay is on IPv6 only.
    let beside = SocketAddr::new(scene.pair.a.v6.into(), OR_PORT + 1);
    let told = scene.metered(&with_legs(&scene.source()?), || {
        let _inside = scene.world.enter()?;
        assert!(TcpStream::connect(knock).is_err() && TcpStream::connect(beside).is_err());
        Ok(())
    })?;
    for end in [knock, beside] {
        let places = to(&told, end);
        let told = (places.leg, places.leg_basis, places.relay);
        assert_eq!(told, (Leg::Inbound, LegBasis::Hook, None));
        assert_eq!(places.destination.country, Country::HOST);
    }
    assert!(
        told.iter()
            .all(|(record, _)| opener(record).port() != knock.port())
    );
    Ok(())
}

#[test]
fn addresses_that_come_and_go_are_the_hosts_while_they_are_there() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let host = Namespace::new("host")?;
    let mut source = {
        let _inside = host.enter()?;
        Source::open(Config::new(Host::This), Timestamp::now())?
    };
    let is_own = |source: &Source, text: &str| -> Result<bool> {
        let ip = Ip::from(text.parse::<IpAddr>()?);
        Ok(source.current().is_own(ip.address(), ip.version()))
    };
    assert!(is_own(&source, "127.0.0.1")? && is_own(&source, "::1")?);
    for (address, length) in [("203.0.113.77", 32), ("2001:db8:77::1", 128)] {
        assert!(!is_own(&source, address)?);
        for (verb, expected) in [("add", true), ("delete", false)] {
            host.ip(&format!("address {verb} {address}/{length} dev lo"))?;
            assert!(becomes(
                &mut source,
                |source| is_own(source, address),
                expected
            )?);
        }
    }
    assert!(
        !source.refresh(Timestamp::now()),
        "nothing changes by itself"
    );
    Ok(())
}

/// Whether `fact` is `expected` within a while: a new IPv6 address takes its time.
fn becomes(
    source: &mut Source,
    fact: impl Fn(&Source) -> Result<bool>,
    expected: bool,
) -> Result<bool> {
    let patience = Instant::now() + Duration::from_secs(10);
    while Instant::now() < patience {
        source.refresh(Timestamp::now());
        if fact(source)? == expected {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}
