//! Each kind of anomaly, made on a wire, is found by the shipped program as what it is, and what an
//! ordinary exit carries is none.

mod stage;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
};

use anyhow::Result;
use collector_common::{
    packet::tcp,
    schema::{
        AnomalyKind::{HostScan, ManyConnections, PortScan, SynFlood, UdpFlood},
        Direction::{In, Out},
        Leg,
    },
};
use collector_tests::{netns::Namespace, privileges::root_or_skip};
use stage::{Stage, from_host, to_host};

/// A scan at a stroke: twice as many and more, should a minute end in the middle of it.
const SCANNED: u16 = 600;
/// The same of a flood.
const FLOOD: u16 = 8_000;

/// Sequence numbers and windows of nobody.
fn syn(path: collector_tests::frames::Path) -> Vec<u8> {
    path.tcp(tcp::SYN, 1, &[])
}

#[test]
fn scans_of_hosts_are_found_in_both_directions() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let found = stage.metered(|stage| {
        let path = stage.inward().with_ports(40_000, 22);
        let frames: Vec<_> = (1..=SCANNED).map(|host| syn(to_host(path, host))).collect();
        stage.send_in(&frames)
    })?;
    assert_eq!(found, [(HostScan, In, Leg::Inbound)]);
    let found = stage.metered(|stage| {
        let path = stage.outward().with_ports(40_000, 23);
        let refused = |host| {
            let path = to_host(path, host);
            let answer = path.reversed().tcp(tcp::RST | tcp::ACK, 0, &[]);
            (syn(path), answer)
        };
        let (asked, answered): (Vec<_>, Vec<_>) = (1..=SCANNED).map(refused).unzip();
        stage.send_out(&asked)?;
        stage.send_in(&answered)
    })?;
    assert_eq!(found, [(HostScan, Out, Leg::Exit)]);
    Ok(())
}

#[test]
fn scans_of_ports_are_found_in_both_directions() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let found = stage.metered(|stage| {
        let path = stage.inward();
        let frames: Vec<_> = (1..=SCANNED)
            .map(|port| syn(path.with_ports(40_000, port)))
            .collect();
        stage.send_in(&frames)
    })?;
    assert_eq!(found, [(PortScan, In, Leg::Inbound)]);
    let found = stage.metered(|stage| {
        let path = stage.outward();
        let ports = 1_000..1_000 + SCANNED;
        let frames: Vec<_> = ports
            .map(|port| syn(path.with_ports(40_000, port)))
            .collect();
        stage.send_out(&frames)
    })?;
    assert_eq!(found, [(PortScan, Out, Leg::Exit)]);
    Ok(())
}

#[test]
fn floods_are_found() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let found = stage.metered(|stage| {
        let path = stage.inward();
        let frames: Vec<_> = (1..=FLOOD).map(|from| syn(from_host(path, from))).collect();
        stage.send_in(&frames)
    })?;
    assert_eq!(found, [(SynFlood, In, Leg::Inbound)]);
    let found = stage.metered(|stage| {
        let path = stage.inward();
        let random = (0..FLOOD).map(|number| path.with_ports(40_000, number.wrapping_mul(40_503)));
        let frames: Vec<_> = random.map(|path| path.udp(&[0; 18])).collect();
        stage.send_in(&frames)
    })?;
    assert_eq!(found, [(UdpFlood, In, Leg::Inbound)]);
    Ok(())
}

/// Takes connections, each for one question and its answer.
fn serve(namespace: &Namespace, connections: usize) -> Result<SocketAddr> {
    let listener = {
        let _inside = namespace.enter()?;
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?
    };
    let address = listener.local_addr()?;
    namespace.spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept()?;
            let mut question = [0; 4];
            stream.read_exact(&mut question)?;
            stream.write_all(&question)?;
        }
        Ok(())
    })?;
    Ok(address)
}

fn ask(namespace: &Namespace, server: SocketAddr, times: u16) -> Result<()> {
    let _inside = namespace.enter()?;
    for _ in 0..times {
        let mut stream = TcpStream::connect(server)?;
        stream.write_all(b"what")?;
        stream.read_exact(&mut [0; 4])?;
    }
    Ok(())
}

#[test]
fn many_connections_with_one_peer_are_found_and_fewer_are_not() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let stage = Stage::new()?;
    let connect = |stage: &Stage, times: u16| {
        let server = serve(&stage.far, times.into())?;
        ask(&stage.host, (stage.pair.a.v4, server.port()).into(), times)
    };
    let found = stage.metered(|stage| connect(stage, FLOOD))?;
    assert_eq!(found, [(ManyConnections, Out, Leg::Exit)]);
    let found = stage.metered(|stage| connect(stage, 1_000))?;
    assert_eq!(found, []);
    Ok(())
}
