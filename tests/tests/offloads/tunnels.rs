//! Super-packets of tunnels: each segment repeats the headers through the innermost transport's.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use collector::{live::Ingress, record::Record};
use collector_common::packet::{protocol, tcp};
use collector_tests::{
    clients::{self, Iperf},
    counts::{Truth, WireTap},
    exact::assert_exact,
    frames::{Path, ethertype},
    link::{Counters, IpVersion, Offloads, Subnet, VethOptions, VethPair, set_offloads},
    netns::Namespace,
    peers,
    privileges::root_or_skip,
    relay::{METERED, Relay},
    tap::{Layer, VirtioHeader},
};

use super::{IPERF, Run, SEGMENT, SUPER, cut, received, sum};

/// IANA numbers of tunnels.
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const GRE: u8 = 47;
/// UDP ports of tunnels.
const VXLAN: u16 = 4789;
const GENEVE: u16 = 6081;
/// Ethertype of an Ethernet frame in a tunnel.
const BRIDGED: u16 = 0x6558;

/// Ends of the tunnel: MTU 1500 less the headers of IPv6, UDP, VXLAN and Ethernet.
const TUNNEL: VethOptions = VethOptions {
    name: "tunnel",
    mtu: 1430,
    offloads: Offloads::All,
    subnet: Subnet::Third,
};

/// Sends over TCP to the server's end of the tunnel.
fn send(client: &Namespace, server: &Namespace, pair: &VethPair, inner: IpVersion) -> Result<()> {
    let _iperf = peers::iperf_server(server, IPERF)?;
    let test = Iperf {
        bytes: 5_000_000,
        udp_rate: None,
        reverse: false,
    };
    clients::iperf(client, SocketAddr::new(pair.b.address(inner), IPERF), test)?;
    Ok(())
}

/// Holds that a tunnel gave the meter super-packets and that it counted the wire's packets.
fn assert_metered(records: &[Record], metered: &Truth, wire: &Truth) {
    assert!(metered.super_packets > 0, "no super-packet to test with");
    assert_eq!(wire.super_packets, 0, "the true wire carries segments");
    assert_exact(records, wire);
    let sent = wire.to_port(VXLAN);
    println!("{} packets, {} bytes", sent.packets, sent.bytes);
}

/// Runs `test` for each version of the carrier and of what it carries; again where it gives false,
/// because the wire lost packets.
fn for_versions(test: impl Fn(IpVersion, IpVersion) -> Result<bool>) -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for outer in IpVersion::ALL {
        for inner in IpVersion::ALL {
            without_loss(|| test(outer, inner))?;
        }
    }
    Ok(())
}

fn without_loss(test: impl Fn() -> Result<bool>) -> Result<()> {
    for _ in 0..3 {
        if test()? {
            return Ok(());
        }
    }
    bail!("the wire lost packets each time")
}

/// A tunnel from client to server, metered at this end of the first wire. The sender leaves
/// segmentation to the first device that can't do without, which is behind both ends.
fn relayed(end: fn(&Relay) -> &Namespace) -> Result<()> {
    for_versions(|outer, inner| {
        let relay = Relay::new(Offloads::Segmentation)?;
        let carrier = (relay.first.a.address(outer), relay.second.b.address(outer));
        let tunnel = VethPair::vxlan(&relay.client, &relay.server, carrier, TUNNEL)?;
        let metered = WireTap::start(end(&relay), METERED)?;
        let wire = relay.tap()?;
        let run = Run::start(end(&relay), METERED, Ingress::Tc)?;
        send(&relay.client, &relay.server, &tunnel, inner)?;
        let (metered, wire) = (metered.stop()?, wire.stop()?);
        let records = run.stop()?;
        let exact = relay.lost()? == 0;
        if exact {
            assert_metered(&records, &metered, &wire);
        }
        Ok(exact)
    })
}

#[test]
fn a_tunnel_that_comes_in_unsegmented_is_exact() -> Result<()> {
    relayed(|relay| &relay.router)
}

#[test]
fn a_tunnel_that_leaves_unsegmented_is_exact() -> Result<()> {
    relayed(|relay| &relay.client)
}

#[test]
fn a_tunnel_that_the_receiver_merged_is_exact() -> Result<()> {
    for_versions(|outer, inner| {
        let (client, server) = (Namespace::new("client")?, Namespace::new("server")?);
        let pair = VethPair::between(&client, &server)?;
        set_offloads(&server, &pair.b.name, Offloads::All)?;
        let carrier = (pair.a.address(outer), pair.b.address(outer));
        let tunnel = VethPair::vxlan(&client, &server, carrier, TUNNEL)?;
        let metered = WireTap::start(&server, &pair.b.name)?;
        let wire = WireTap::start(&client, &pair.a.name)?;
        let run = Run::start(&server, &pair.b.name, Ingress::Tc)?;
        send(&client, &server, &tunnel, inner)?;
        let (metered, wire) = (metered.stop()?, wire.stop()?);
        let records = run.stop()?;
        let lost = Counters::read(&client, &pair.a.name)?.lost()
            + Counters::read(&server, &pair.b.name)?.lost();
        if lost == 0 {
            assert_metered(&records, &metered, &wire);
        }
        Ok(lost == 0)
    })
}

/// A tunnel's headers: the protocol number in the outer IP header, and what stands between that
/// header and the inner packet, which follows.
struct Tunnel {
    name: &'static str,
    protocol: u8,
    body: Vec<u8>,
}

/// Every kind of tunnel around an IP packet.
fn tunnels(outer: &Path, inner: &Path, packet: &[u8]) -> Vec<Tunnel> {
    let (ip, kind) = match inner.addresses.0 {
        std::net::IpAddr::V4(_) => (IPV4, ethertype::IPV4),
        std::net::IpAddr::V6(_) => (IPV6, ethertype::IPV6),
    };
    let frame = inner.frame(packet);
    let gre = |kind: u16, body: &[u8]| {
        let [high, low] = kind.to_be_bytes();
        // A key follows.
        [&[0x20, 0, high, low, 0, 0, 0, 7], body].concat()
    };
    let udp = |port: u16, header: [u8; 8], body: &[u8]| {
        let path = outer.with_ports(outer.ports.0, port);
        path.udp_datagram(&[&header, body].concat())
    };
    let [high, low] = BRIDGED.to_be_bytes();
    let tunnel = |name, protocol, body| Tunnel {
        name,
        protocol,
        body,
    };
    vec![
        tunnel("IP in IP", ip, packet.to_vec()),
        tunnel("GRE", GRE, gre(kind, packet)),
        tunnel("bridged GRE", GRE, gre(BRIDGED, &frame)),
        tunnel(
            "VXLAN",
            protocol::UDP,
            udp(VXLAN, [8, 0, 0, 0, 0, 0, 1, 0], &frame),
        ),
        tunnel(
            "Geneve",
            protocol::UDP,
            udp(GENEVE, [0, 0, high, low, 0, 0, 1, 0], &frame),
        ),
    ]
}

/// The kernel need not know the tunnel: the buffer says how long its segments are.
#[test]
fn a_super_packet_of_every_kind_of_tunnel_is_exact() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for outer in IpVersion::ALL.map(Path::example) {
        for version in IpVersion::ALL {
            let inner = Path::example(version);
            let segment = inner.tcp_segment(tcp::ACK, 1, &[0; SUPER]);
            let packet = inner.ip(protocol::TCP, &segment);
            for tunnel in tunnels(&outer, &inner, &packet) {
                let frame = outer.frame(&outer.ip(tunnel.protocol, &tunnel.body));
                let more = (frame.len() - packet.len()) as u16 - 14;
                let mut header = VirtioHeader::tcp(version, SEGMENT);
                header.header_len += more;
                header.checksum_start += more;
                let (records, _) = received(Layer::Ethernet, Ingress::Tc, |device| {
                    device.send_with(header, &frame)
                })?;
                let expected = cut(frame.len() - SUPER);
                assert_eq!(sum(&records), expected, "{} {version:?}", tunnel.name);
            }
        }
    }
    Ok(())
}
