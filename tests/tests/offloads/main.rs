//! Super-packets, jumbo frames and devices without an Ethernet header: a flow's packets and bytes
//! are those of the wire, whatever the hook was shown.

mod tunnels;

use std::{
    net::{SocketAddr, UdpSocket},
    path::Path as FilePath,
};

use anyhow::{Result, bail};
use collector::{live::Ingress, record::Record};
use collector_common::{
    packet::{protocol, tcp},
    wire::Tally,
};
use collector_tests::{
    clients::{self, Iperf},
    counts::{Truth, WireTap},
    exact::{as_counted, assert_exact},
    frames::{Path, ethertype},
    link::{Counters, IpVersion, Offloads, VethOptions, VethPair, set_offloads},
    meter::{Meter, options, pipeline},
    netns::Namespace,
    peers,
    privileges::root_or_skip,
    raw_socket::{RawSocket, Sent},
    relay::{METERED, Relay},
    tap::{Layer, Tap, VirtioHeader},
};

const IPERF: u16 = 5201;
/// Payload bytes of a segment, and of a super-packet of 20, the last of them short.
const SEGMENT: u16 = 1448;
const SUPER: usize = 20 * SEGMENT as usize - 5;

/// A meter on `interface`, and a folder of its own.
struct Run {
    meter: Meter,
    folder: tempfile::TempDir,
}

impl Run {
    fn start(namespace: &Namespace, interface: &str, ingress: Ingress) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let run = Self::start_in(namespace, interface, ingress, folder.path())?;
        let hooks = run.status()?.hooks;
        let xdp = ingress == Ingress::Xdp;
        assert_eq!(hooks[0].contains("xdp"), xdp, "{hooks:?}");
        Ok(Self { meter: run, folder })
    }

    fn start_in(
        namespace: &Namespace,
        interface: &str,
        ingress: Ingress,
        folder: &FilePath,
    ) -> Result<Meter> {
        let mut options = options(interface, folder);
        options.ingress = ingress;
        Meter::start(namespace, options, pipeline(folder))
    }

    /// The records, once the books are found exact.
    fn stop(self) -> Result<Vec<Record>> {
        let (summary, records) = self.meter.stop()?;
        assert_eq!(summary.balance.difference, 0, "{:?}", summary.balance);
        assert_eq!(summary.books.reasons_total(), Tally::default());
        drop(self.folder);
        Ok(records)
    }
}

/// What one test with iperf3 is about.
#[derive(Clone, Copy, Debug)]
struct Bulk {
    offloads: Offloads,
    ingress: Ingress,
    version: IpVersion,
    reverse: bool,
}

/// Sends over TCP and gives what was metered and what crossed the true wire; a run that lost a
/// packet is done again with less to send.
fn bulk(what: Bulk) -> Result<(Vec<Record>, Truth)> {
    for bytes in [50_000_000, 5_000_000, 500_000] {
        let relay = Relay::new(what.offloads)?;
        let _iperf = peers::iperf_server(&relay.server, IPERF)?;
        let to = SocketAddr::new(relay.second.b.address(what.version), IPERF);
        let wire = relay.tap()?;
        let run = Run::start(&relay.client, METERED, what.ingress)?;
        let test = Iperf {
            bytes,
            udp_rate: None,
            reverse: what.reverse,
        };
        clients::iperf(&relay.client, to, test)?;
        let truth = wire.stop()?;
        let records = run.stop()?;
        assert_eq!(truth.super_packets, 0, "the true wire carries segments");
        if relay.lost()? == 0 {
            return Ok((records, truth));
        }
        eprintln!("{what:?}: the wire lost packets: again with less");
    }
    bail!("{what:?}: the wire lost packets each time")
}

fn bulk_is_exact(offloads: Offloads, ingress: Ingress) -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for version in IpVersion::ALL {
        for reverse in [false, true] {
            let what = Bulk {
                offloads,
                ingress,
                version,
                reverse,
            };
            let (records, truth) = bulk(what)?;
            assert_exact(&records, &truth);
            assert_eq!(records.len(), 2, "control and data");
            let total = truth.total();
            println!("{what:?}: {} packets, {} bytes", total.packets, total.bytes);
        }
    }
    Ok(())
}

#[test]
fn tcp_with_segmentation_offload_is_exact_at_tc() -> Result<()> {
    bulk_is_exact(Offloads::Segmentation, Ingress::Tc)
}

#[test]
fn tcp_with_all_offloads_is_exact_at_tc() -> Result<()> {
    bulk_is_exact(Offloads::All, Ingress::Tc)
}

#[test]
fn tcp_with_all_offloads_is_exact_at_xdp() -> Result<()> {
    bulk_is_exact(Offloads::All, Ingress::Xdp)
}

#[test]
fn segmented_udp_is_exact_on_its_way_out() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for (offloads, ingress) in [
        (Offloads::Segmentation, Ingress::Tc),
        (Offloads::All, Ingress::Xdp),
    ] {
        let relay = Relay::new(offloads)?;
        for version in IpVersion::ALL {
            let to = SocketAddr::new(relay.second.b.address(version), 9);
            let inside = relay.server.enter()?;
            let _sink = UdpSocket::bind(to)?;
            drop(inside);
            let metered = WireTap::start(&relay.client, METERED)?;
            let wire = relay.tap()?;
            let run = Run::start(&relay.client, METERED, ingress)?;
            let (port, datagrams) = clients::send_segmented(&relay.client, to, 300_001, 1_200)?;
            let (metered, truth) = (metered.stop()?, wire.stop()?);
            let records = run.stop()?;
            assert_eq!(relay.lost()?, 0);
            assert!(metered.super_packets > 0, "no super-packet to test with");
            assert_eq!(truth.from_port(port).packets, datagrams);
            assert_exact(&records, &truth);
        }
    }
    Ok(())
}

/// Segmented UDP that comes in: the meter is at the receiver, and the wire is between. With XDP
/// there the kernel makes the sender cut it.
#[test]
fn segmented_udp_is_exact_on_its_way_in() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for ingress in [Ingress::Tc, Ingress::Xdp] {
        let (sender, receiver) = (Namespace::new("sender")?, Namespace::new("receiver")?);
        let options = VethOptions {
            offloads: Offloads::All,
            ..VethOptions::default()
        };
        let pair = VethPair::with(&sender, &receiver, options)?;
        for version in IpVersion::ALL {
            let to = SocketAddr::new(pair.b.address(version), 9);
            let inside = receiver.enter()?;
            let _sink = UdpSocket::bind(to)?;
            drop(inside);
            let wire = WireTap::start(&sender, &pair.a.name)?;
            let run = Run::start(&receiver, &pair.b.name, ingress)?;
            let (_, datagrams) = clients::send_segmented(&sender, to, 300_001, 1_200)?;
            let truth = wire.stop()?;
            let records = run.stop()?;
            assert_eq!(Counters::read(&receiver, &pair.b.name)?.lost(), 0);
            assert_eq!(truth.super_packets > 0, ingress == Ingress::Tc);
            assert_eq!(truth.to_port(9).packets, datagrams);
            assert_exact(&records, &truth);
        }
    }
    Ok(())
}

#[test]
fn jumbo_frames_are_exact_at_tc_and_xdp() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for ingress in [Ingress::Tc, Ingress::Xdp] {
        let (client, server) = (Namespace::new("client")?, Namespace::new("server")?);
        let options = VethOptions {
            mtu: 9_000,
            ..VethOptions::default()
        };
        let pair = VethPair::with(&client, &server, options)?;
        if ingress == Ingress::Xdp {
            set_offloads(&server, &pair.b.name, Offloads::All)?;
        }
        let _iperf = peers::iperf_server(&server, IPERF)?;
        for version in IpVersion::ALL {
            let to = SocketAddr::new(pair.b.address(version), IPERF);
            let wire = WireTap::start(&client, &pair.a.name)?;
            let run = Run::start(&server, &pair.b.name, ingress)?;
            let test = Iperf {
                bytes: 5_000_000,
                udp_rate: None,
                reverse: false,
            };
            clients::iperf(&client, to, test)?;
            let truth = wire.stop()?;
            let records = run.stop()?;
            assert_eq!(Counters::read(&client, &pair.a.name)?.lost(), 0);
            assert_eq!(Counters::read(&server, &pair.b.name)?.lost(), 0);
            let sent = truth.to_port(IPERF);
            assert!(
                sent.bytes > 5_000 * sent.packets,
                "no jumbo frame: {sent:?}"
            );
            assert_exact(&records, &truth);
        }
    }
    Ok(())
}

/// Makes a device, meters it, lets it receive, and gives the records beside the kernel's own
/// count of the device.
fn received(
    layer: Layer,
    ingress: Ingress,
    receive: impl FnOnce(&Tap) -> Result<()>,
) -> Result<(Vec<Record>, Truth)> {
    let namespace = Namespace::new("tap")?;
    let device = Tap::new(&namespace, "tap0", layer)?;
    let counter = WireTap::start(&namespace, device.name())?;
    let run = Run::start(&namespace, device.name(), ingress)?;
    receive(&device)?;
    let truth = counter.stop()?;
    Ok((run.stop()?, truth))
}

/// What the records say that came in, all directions together.
fn sum(records: &[Record]) -> Sent {
    as_counted(records)
        .values()
        .fold(Sent::default(), |sum, sent| Sent {
            packets: sum.packets + sent.packets,
            bytes: sum.bytes + sent.bytes,
        })
}

/// A super-packet of [`SUPER`] payload bytes on the wire, behind headers of so many bytes.
fn cut(headers: usize) -> Sent {
    Sent {
        packets: 20,
        bytes: (20 * headers + SUPER) as u64,
    }
}

#[test]
fn a_super_packet_whose_segments_nobody_counted_is_exact() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for version in IpVersion::ALL {
        let path = Path::example(version);
        let frame = path.tcp(tcp::ACK, 1, &[0; SUPER]);
        let (records, truth) = received(Layer::Ethernet, Ingress::Tc, |device| {
            device.send_with(VirtioHeader::tcp(version, SEGMENT), &frame)?;
            device.send(&path.udp(b"alone"))
        })?;
        assert_eq!(truth.super_packets, 1);
        assert_exact(&records, &truth);
        let tcp = records
            .iter()
            .filter(|record| record.flow.key.protocol == protocol::TCP);
        let tcp: Vec<_> = tcp.cloned().collect();
        assert_eq!(sum(&tcp), cut(frame.len() - SUPER));
    }
    Ok(())
}

#[test]
fn a_tagged_super_packet_has_its_tags_on_every_segment() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let vlan = (ethertype::VLAN, 100);
    let outer = (ethertype::SERVICE_VLAN, 200);
    for version in IpVersion::ALL {
        for tags in [&[vlan][..], &[outer, vlan]] {
            let path = Path::example(version);
            let segment = path.tcp_segment(tcp::ACK, 1, &[0; SUPER]);
            let frame = path.tagged(tags, &path.ip(protocol::TCP, &segment));
            let more = 4 * tags.len() as u16;
            let mut header = VirtioHeader::tcp(version, SEGMENT);
            header.header_len += more;
            header.checksum_start += more;
            let (records, truth) = received(Layer::Ethernet, Ingress::Tc, |device| {
                device.send_with(header, &frame)
            })?;
            assert_eq!(sum(&records), cut(frame.len() - SUPER), "{tags:?}");
            assert_exact(&records, &truth);
        }
    }
    Ok(())
}

#[test]
fn a_long_frame_with_a_short_linear_part_is_read_to_its_ports() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for version in IpVersion::ALL {
        let path = Path::example(version);
        let frame = path.tcp(tcp::ACK, 1, &[0; 9_000]);
        for linear in [14, 14 + 20, 14 + 40 + 13, 200] {
            let (records, truth) = received(Layer::Ethernet, Ingress::Tc, |device| {
                device.send_with(VirtioHeader::linear(linear), &frame)
            })?;
            assert_exact(&records, &truth);
            let expected = Sent {
                packets: 1,
                bytes: frame.len() as u64,
            };
            assert_eq!(sum(&records), expected, "{linear} bytes are linear");
            assert_eq!(records[0].flow.key.protocol, protocol::TCP);
        }
    }
    Ok(())
}

#[test]
fn a_device_without_link_headers_counts_ip_bytes_both_ways() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for version in IpVersion::ALL {
        let path = Path::example(version);
        let segment = path.tcp_segment(tcp::ACK, 1, &[0; SUPER]);
        let packet = path.ip(protocol::TCP, &segment);
        let datagram = path.ip(protocol::UDP, &path.udp_datagram(b"hello"));
        let mut header = VirtioHeader::tcp(version, SEGMENT);
        header.header_len -= 14;
        header.checksum_start -= 14;
        let namespace = Namespace::new("tun")?;
        let device = Tap::new(&namespace, "tun0", Layer::Ip)?;
        let run = Run::start(&namespace, device.name(), Ingress::Tc)?;
        device.send_with(header, &packet)?;
        device.send(&datagram)?;
        RawSocket::bind(&namespace, device.name())?.send(&datagram)?;
        let records = run.stop()?;
        let mut expected = cut(packet.len() - SUPER);
        expected.packets += 2;
        expected.bytes += 2 * datagram.len() as u64;
        assert_eq!(sum(&records), expected);
        assert_eq!(records.len(), 2, "the datagram has one key at both hooks");
    }
    Ok(())
}

#[test]
fn a_tap_device_is_metered_at_tc_because_xdp_would_see_super_packets() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tap")?;
    let device = Tap::new(&namespace, "tap0", Layer::Ethernet)?;
    let folder = tempfile::tempdir()?;
    let meter = Run::start_in(&namespace, device.name(), Ingress::Xdp, folder.path())?;
    let hooks = meter.status()?.hooks;
    assert!(hooks[0].contains("meter_tc_in"), "{hooks:?}");
    let version = IpVersion::V4;
    let frame = Path::example(version).tcp(tcp::ACK, 1, &[0; SUPER]);
    device.send_with(VirtioHeader::tcp(version, SEGMENT), &frame)?;
    let (summary, records) = meter.stop()?;
    assert!(summary.balance.holds());
    assert_eq!(sum(&records), cut(frame.len() - SUPER));
    Ok(())
}
