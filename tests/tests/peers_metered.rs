//! Real peers through the meter: each flow's record is exact to the packet and to the byte, says
//! what it was, who opened it and how it ended; the files hold the same sums and nothing that
//! points at anybody.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use collector::{
    inspect::{Method, TlsVersion},
    live::Ingress,
    record::Record,
};
use collector_common::{expiry::End, flow::OpenerBasis, packet::protocol, settings::SECOND};
use collector_tests::{
    clients::{self, RecordType, Tls},
    counts::{Truth, WireTap},
    exact::{assert_exact, closed_lines, opener, responder, statistics},
    forms::Forms,
    link::{Counters, IpVersion, Offloads, VethPair, set_offloads},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    peers::{self, PAGES, SERVER_NAME},
    privileges::root_or_skip,
};
use serde_json::Value;

/// No server listens here.
const CLOSED: u16 = 81;
const SSH: u16 = 2222;
/// Conversations of [`Place::talk`] with one address.
const CONVERSATIONS: usize = 12;

/// A client, a server and the wire between them.
struct Place {
    client: Namespace,
    server: Namespace,
    pair: VethPair,
}

/// Which end of the wire has the meter; the truth is counted at the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Metered {
    Client,
    Server,
}

/// What came out of one run.
struct Outcome {
    records: Vec<Record>,
    truth: Truth,
    lines: Vec<String>,
}

impl Place {
    fn new() -> Result<Self> {
        let (client, server) = (Namespace::new("client")?, Namespace::new("server")?);
        let pair = VethPair::between(&client, &server)?;
        Ok(Self {
            client,
            server,
            pair,
        })
    }

    /// The namespace with the meter, and the one with the tap.
    fn ends(&self, metered: Metered) -> (&Namespace, &Namespace) {
        match metered {
            Metered::Client => (&self.client, &self.server),
            Metered::Server => (&self.server, &self.client),
        }
    }

    fn interface(&self) -> &str {
        &self.pair.a.name
    }

    /// One conversation of each kind with `server`.
    fn talk(&self, server: IpAddr, ssh_key: &Path) -> Result<()> {
        let at = |port| SocketAddr::new(server, port);
        for page in &PAGES[..2] {
            clients::fetch(&self.client, at(80), None, page.path)?;
        }
        for tls in [Tls::V1_2, Tls::V1_3] {
            clients::fetch(&self.client, at(443), Some(tls), PAGES[2].path)?;
            clients::handshake(&self.client, at(443), tls, SERVER_NAME)?;
        }
        clients::ssh(&self.client, at(SSH), ssh_key)?;
        for (name, kind) in [
            (SERVER_NAME, RecordType::A),
            (SERVER_NAME, RecordType::Aaaa),
            ("other.example", RecordType::A),
        ] {
            clients::resolve(&self.client, at(53), name, kind)?;
        }
        clients::smtp_starttls(&self.client, at(25))?;
        let _inside = self.client.enter()?;
        ensure!(TcpStream::connect(at(CLOSED)).is_err(), "somebody listens");
        Ok(())
    }

    fn lost(&self) -> Result<u64> {
        let client = Counters::read(&self.client, self.interface())?;
        let server = Counters::read(&self.server, self.interface())?;
        Ok(client.lost() + server.lost())
    }
}

/// Meters all peers over both IP versions; a run in which the wire lost something is no truth and
/// is done again.
fn meter_all(metered: Metered, ingress: Ingress) -> Result<Outcome> {
    for _ in 0..3 {
        let place = Place::new()?;
        let outcome = meter_once(&place, metered, ingress)?;
        if place.lost()? == 0 {
            return Ok(outcome);
        }
        eprintln!("the wire lost packets: again");
    }
    anyhow::bail!("the wire lost packets three times")
}

fn meter_once(place: &Place, metered: Metered, ingress: Ingress) -> Result<Outcome> {
    let (near, far) = place.ends(metered);
    if ingress == Ingress::Xdp {
        // XDP switches GRO on where it was off, and the meter refuses to change offloads.
        set_offloads(near, place.interface(), Offloads::All)?;
    }
    let _nginx = peers::nginx(&place.server, 80, 443)?;
    let sshd = peers::sshd(&place.server, SSH)?;
    let _dnsmasq = peers::dnsmasq(&place.server, 53)?;
    let _smtp = peers::smtp_server(&place.server, 25)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(place.interface(), folder.path());
    options.ingress = ingress;
    let tap = WireTap::start(far, place.interface())?;
    let meter = Meter::start(near, options, pipeline(folder.path()))?;
    let hooks = meter.status()?.hooks;
    assert_eq!(
        hooks[0].contains("xdp"),
        ingress == Ingress::Xdp,
        "{hooks:?}"
    );
    for version in IpVersion::ALL {
        let server = place.pair.b.address(version);
        place.talk(server, &sshd.folder().join(peers::CLIENT_KEY))?;
    }
    let truth = tap.stop()?;
    let (summary, records) = meter.stop()?;
    assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
    assert!(summary.balance.holds());
    assert_eq!(summary.written.packets, truth.total().packets);
    Ok(Outcome {
        records,
        truth,
        lines: closed_lines(folder.path())?,
    })
}

#[test]
fn a_metered_client_is_exact_with_tc() -> Result<()> {
    exact_with(Metered::Client, Ingress::Tc)
}

#[test]
fn a_metered_client_is_exact_with_xdp() -> Result<()> {
    exact_with(Metered::Client, Ingress::Xdp)
}

#[test]
fn a_metered_server_is_exact_with_tc() -> Result<()> {
    exact_with(Metered::Server, Ingress::Tc)
}

#[test]
fn a_metered_server_is_exact_with_xdp() -> Result<()> {
    exact_with(Metered::Server, Ingress::Xdp)
}

fn exact_with(metered: Metered, ingress: Ingress) -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let outcome = meter_all(metered, ingress)?;
    assert_exact(&outcome.records, &outcome.truth);
    assert_eq!(outcome.records.len(), 2 * CONVERSATIONS);
    for record in &outcome.records {
        assert_story(record);
    }
    assert_tls_versions(&outcome.records);
    assert_sums(&outcome)?;
    assert_nobody_is_named(&outcome)
}

/// What the record of a flow to a port must say: label, the ends it can have.
fn story(port: u16) -> (&'static str, &'static [End]) {
    // A client that closes before it has read the last TLS record resets.
    const CLOSED_BY_EITHER: &[End] = &[End::Finished, End::Reset];
    match port {
        80 => ("HTTP", &[End::Finished]),
        443 => ("TLS", CLOSED_BY_EITHER),
        SSH => ("SSH", CLOSED_BY_EITHER),
        // Each session turns to TLS.
        25 => ("SMTPS", CLOSED_BY_EITHER),
        53 => ("DNS", &[End::Shutdown]),
        CLOSED => ("HTTP", &[End::Reset]),
        other => panic!("a flow to port {other}"),
    }
}

fn assert_story(record: &Record) {
    let port = responder(record).port();
    assert!(opener(record).port() > 32_767, "the client opens: {port}");
    let (label, ends) = story(port);
    let inspection = &record.inspection;
    assert_eq!(inspection.label.master, label, "port {port}");
    assert_eq!(inspection.guessed, port == CLOSED, "port {port}");
    let method = if port == CLOSED {
        Method::Port
    } else {
        Method::Dpi
    };
    assert_eq!(inspection.method, method, "port {port}");
    assert!(ends.contains(&record.end), "port {port}: {:?}", record.end);
    let basis = OpenerBasis::from_number(record.flow.entry.basis);
    let expected = match record.flow.key.protocol {
        protocol::TCP => OpenerBasis::Syn,
        _ => OpenerBasis::Hook,
    };
    assert_eq!(basis, expected, "port {port}");
    let name = inspection.server_name.as_ref().map(|name| name.reveal());
    match port {
        80 | 443 => assert_eq!(name, Some(SERVER_NAME)),
        25 | 53 => {}
        _ => assert!(name.is_none(), "port {port}"),
    }
    if port == 80 {
        let agent = inspection.user_agent.as_ref().expect("curl says its name");
        assert!(agent.reveal().starts_with("curl/"));
    }
}

fn assert_tls_versions(records: &[Record]) {
    let mut versions: BTreeMap<TlsVersion, usize> = BTreeMap::new();
    for record in records.iter().filter(|one| responder(one).port() == 443) {
        let version = record.inspection.tls_version.expect("a hello was seen");
        *versions.entry(version).or_default() += 1;
    }
    let expected = [(TlsVersion::Tls12, 4), (TlsVersion::Tls13, 4)];
    assert_eq!(versions, BTreeMap::from(expected));
}

/// The closed file adds up to the wire.
fn assert_sums(outcome: &Outcome) -> Result<()> {
    let sum = statistics(&outcome.lines)?;
    let wire = outcome.truth.total();
    assert_eq!(outcome.truth.other.packets, 0, "the wire was quiet");
    assert_eq!(sum.flows, outcome.records.len() as u64);
    assert_eq!((sum.packets, sum.bytes), (wire.packets, wire.bytes));
    println!(
        "{} flows, {} packets, {} bytes: records, file and wire agree",
        sum.flows, sum.packets, sum.bytes
    );
    Ok(())
}

/// No address, no client's port, no server name, no user agent.
fn assert_nobody_is_named(outcome: &Outcome) -> Result<()> {
    let ends = outcome.truth.directions.keys().map(|way| way.source);
    let ports: Vec<u64> = ends.clone().map(|end| end.port().into()).collect();
    let addresses: Vec<_> = ends.map(|end| end.ip()).collect();
    let forms = Forms::of(&addresses, &[SERVER_NAME, "client.example"])?;
    for line in &outcome.lines {
        forms.assert_none_in("a line", line.as_bytes());
        for canary in ["curl/", "OpenSSH"] {
            assert!(!line.contains(canary), "{canary} in {line}");
        }
        let mut numbers = Vec::new();
        collect_numbers(&serde_json::from_str(line)?, &mut numbers);
        let told = numbers
            .iter()
            .find(|number| **number > 32_768 && ports.contains(number));
        assert_eq!(told, None, "a client's port in {line}");
    }
    Ok(())
}

fn collect_numbers(value: &Value, numbers: &mut Vec<u64>) {
    match value {
        Value::Number(number) => numbers.extend(number.as_u64()),
        Value::Array(values) => values.iter().for_each(|one| collect_numbers(one, numbers)),
        Value::Object(fields) => fields
            .values()
            .for_each(|one| collect_numbers(one, numbers)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn a_quiet_flow_is_written_as_idle_while_the_meter_runs() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let _dnsmasq = peers::dnsmasq(&place.server, 53)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(place.interface(), folder.path());
    options.timeouts.idle = SECOND;
    let tap = WireTap::start(&place.client, place.interface())?;
    let meter = Meter::start(&place.server, options, pipeline(folder.path()))?;
    for version in IpVersion::ALL {
        let server = SocketAddr::new(place.pair.b.address(version), 53);
        clients::resolve(&place.client, server, SERVER_NAME, RecordType::A)?;
    }
    let truth = tap.stop()?;
    let patience = Instant::now() + Duration::from_secs(10);
    while meter.status()?.live_flows > 0 && Instant::now() < patience {
        thread::sleep(Duration::from_millis(50));
    }
    let status = meter.status()?;
    assert_eq!((status.live_flows, status.flows_written), (0, 2));
    assert_eq!(status.balance.difference, 0);
    let (summary, records) = meter.stop()?;
    assert!(summary.balance.holds());
    assert_exact(&records, &truth);
    assert!(records.iter().all(|record| record.end == End::Idle));
    Ok(())
}

#[test]
fn a_connection_that_outlives_the_meter_ends_by_its_shutdown() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let place = Place::new()?;
    let _nginx = peers::nginx(&place.server, 80, 443)?;
    let folder = tempfile::tempdir()?;
    let options = options(place.interface(), folder.path());
    let tap = WireTap::start(&place.server, place.interface())?;
    let meter = Meter::start(&place.client, options, pipeline(folder.path()))?;
    let mut open = Vec::new();
    for version in IpVersion::ALL {
        let _inside = place.client.enter()?;
        open.push(TcpStream::connect((place.pair.b.address(version), 80))?);
    }
    let truth = tap.stop()?;
    let (summary, records) = meter.stop()?;
    assert!(summary.balance.holds());
    assert_exact(&records, &truth);
    assert_eq!(records.len(), open.len());
    assert!(records.iter().all(|record| record.end == End::Shutdown));
    Ok(())
}
