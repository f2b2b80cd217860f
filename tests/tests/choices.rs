//! What an operator chooses: exclusions, no payload, several interfaces.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::Result;
use collector::{
    exclusion::Exclusion,
    inspect::Method,
    live::{Options, Summary},
    record::Record,
};
use collector_common::{books::Reason, packet::tcp, wire::Tally};
use collector_tests::{
    frames::Path,
    link::{IpVersion, Offloads, VethPair},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    privileges::root_or_skip,
    raw_socket::RawSocket,
    relay::{METERED, Relay, TRUE_WIRE},
};

/// A request to port 80 that DPI knows at once, so that only a sample can have named it.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: canary.example\r\n\r\n";

/// Sends `frames` to the metered end of a wire and gives what became of them.
fn metered(
    frames: &[Vec<u8>],
    choose: impl FnOnce(&mut Options),
) -> Result<(Summary, Vec<Record>)> {
    let (left, right) = (Namespace::new("left")?, Namespace::new("right")?);
    let pair = VethPair::between(&left, &right)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(&pair.b.name, folder.path());
    choose(&mut options);
    let meter = Meter::start(&right, options, pipeline(folder.path()))?;
    RawSocket::bind(&left, &pair.a.name)?.send_all(frames)?;
    thread::sleep(Duration::from_millis(200));
    meter.stop()
}

fn frame(version: IpVersion, port: u16, host: u16) -> Vec<u8> {
    Path::example(version)
        .with_ports(host, port)
        .tcp(tcp::ACK, 1, REQUEST)
}

fn excluding(rules: &[&str]) -> Vec<Exclusion> {
    rules
        .iter()
        .map(|rule| rule.parse().expect("a rule"))
        .collect()
}

#[test]
fn what_is_excluded_by_prefix_and_port_is_counted_and_neither_metered_nor_sampled() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let frames = [
        frame(IpVersion::V4, 22, 40_001),
        frame(IpVersion::V4, 80, 40_002),
        frame(IpVersion::V6, 22, 40_003),
        frame(IpVersion::V6, 80, 40_004),
    ];
    let excluded = |index: usize| frames[index].len() as u64;
    let (summary, records) = metered(&frames, |options| {
        options.exclusions = excluding(&["192.0.2.0/24:22", "2001:db8::/64"]);
    })?;
    let reason = summary.books.reasons[Reason::Excluded as usize];
    let bytes = excluded(0) + excluded(2) + excluded(3);
    assert_eq!(reason, Tally { packets: 3, bytes });
    assert_eq!(records.len(), 1, "only IPv4 to port 80 is metered");
    assert_eq!(records[0].inspection.label.master, "HTTP");
    assert_eq!(summary.books.samples, 1);
    assert!(summary.balance.holds());
    Ok(())
}

#[test]
fn an_exclusion_without_ports_takes_every_port_and_no_other_address() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let frames = [
        frame(IpVersion::V4, 80, 40_001),
        frame(IpVersion::V6, 80, 40_002),
    ];
    let (summary, records) = metered(&frames, |options| {
        // The second is an IPv6 prefix that covers IPv4's place among zeros.
        options.exclusions = excluding(&["192.0.2.1", "::/64"]);
    })?;
    let reason = summary.books.reasons[Reason::Excluded as usize];
    assert_eq!((reason.packets, records.len()), (1, 1));
    assert!(records[0].flow.key.is_v6());
    Ok(())
}

#[test]
fn without_payload_not_one_sample_is_taken_and_labels_are_guesses_by_port() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let frames = [
        frame(IpVersion::V4, 80, 40_001),
        frame(IpVersion::V6, 443, 40_002),
    ];
    let (summary, records) = metered(&frames, |options| options.sample_payload = false)?;
    assert_eq!((summary.books.samples, summary.books.samples_lost), (0, 0));
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.inspection.method, Method::Port);
        assert!(record.inspection.guessed);
        assert!(record.inspection.server_name.is_none());
    }
    assert!(summary.balance.holds());
    Ok(())
}

#[test]
fn a_packet_routed_between_two_metered_interfaces_is_metered_once() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let relay = Relay::new(Offloads::None)?;
    let folder = tempfile::tempdir()?;
    let mut options = options(METERED, folder.path());
    options.interfaces.push(TRUE_WIRE.to_owned());
    let meter = Meter::start(&relay.router, options, pipeline(folder.path()))?;
    let tap = relay.tap()?;
    exchange_datagrams(&relay, 5)?;
    thread::sleep(Duration::from_millis(200));
    let truth = tap.stop()?.total();
    let (summary, records) = meter.stop()?;
    let [record] = records.as_slice() else {
        panic!("{} records for one conversation", records.len());
    };
    let counted = record.counts[0].plus(record.counts[1]);
    let wire = Tally {
        packets: truth.packets,
        bytes: truth.bytes,
    };
    assert_eq!(counted, wire, "the flow counts what one wire carried");
    assert_eq!(wire.packets, 10, "five datagrams, five answers");
    let other = summary.books.reasons[Reason::OtherInterface as usize];
    assert_eq!(
        other, wire,
        "and the other interface's count has its reason"
    );
    assert!(summary.balance.holds());
    Ok(())
}

/// Datagrams from client to server, each answered before the next.
fn exchange_datagrams(relay: &Relay, count: usize) -> Result<()> {
    let address = SocketAddr::new(relay.second.b.address(IpVersion::V4), 7007);
    let bound = |namespace: &Namespace, address: SocketAddr| {
        let _inside = namespace.enter()?;
        let socket = UdpSocket::bind(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        anyhow::Ok(socket)
    };
    let server = bound(&relay.server, address)?;
    let client = bound(&relay.client, "0.0.0.0:0".parse()?)?;
    let mut room = [0; 64];
    for _ in 0..count {
        client.send_to(b"a question", address)?;
        let (_, from) = server.recv_from(&mut room)?;
        server.send_to(b"an answer", from)?;
        client.recv_from(&mut room)?;
    }
    Ok(())
}
