//! Whose traffic is whose: on a capture of a private Tor network, flow by flow, and live, by the
//! users whose sockets speak.

mod capture;
mod scene;

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use collector::locate::{
    ip::Ip,
    leg::{Config, Host, Source},
};
use collector_common::schema::{Country, Leg, LegBasis};
use collector_tests::{
    binary::Home,
    clients::{self, RecordType},
    exact::opener,
    link::IpVersion,
    netns::Namespace,
    peers::{self, PAGES, SERVER_NAME},
    privileges::root_or_skip,
};
use jiff::Timestamp;
use serde_json::Value;

use scene::{FIRST, OR_PORT, SECOND, STRANGER, Scene, to, with_legs};

/// Where the host's resolver listens, for nobody outside.
const RESOLVER: u16 = 5353;

#[test]
fn what_other_users_of_the_host_fetch_and_ask_is_no_exit_traffic() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let scene = Scene::new()?;
    let upstream = scene.of_world(IpVersion::V4, 53);
    let _resolver = peers::unbound(&scene.host, "daemon", RESOLVER, upstream)?;
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
