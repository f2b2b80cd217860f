//! The helpers themselves: a test that builds on them must be able to trust them.

use std::{fs, process::Stdio, thread, time::Duration};

use anyhow::Result;
use collector_common::packet::{protocol, tcp};
use collector_tests::{
    corpus::corpus,
    counts::{Direction, WireTap},
    frames::{Path, ethertype},
    generator::{Generator, Stream, object_path},
    link::{Counters, IpVersion, Offloads, VethOptions, VethPair, set_offloads},
    netns::{Namespace, run},
    privileges::{root_or_skip, skip},
    raw_socket::RawSocket,
    tap::{Layer, Tap, VirtioHeader},
};

/// Two namespaces with a quiet wire between them.
fn two(options: VethOptions) -> Result<(Namespace, Namespace, VethPair)> {
    let (a, b) = (Namespace::new("left")?, Namespace::new("right")?);
    let pair = VethPair::with(&a, &b, options)?;
    Ok((a, b, pair))
}

fn direction(path: &Path, protocol: u8) -> Direction {
    Direction {
        protocol,
        source: (path.addresses.0, path.ports.0).into(),
        destination: (path.addresses.1, path.ports.1).into(),
    }
}

#[test]
fn a_namespace_is_entered_left_and_removed() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let own = || fs::read_link("/proc/thread-self/ns/net");
    let before = own()?;
    let namespace = Namespace::new("enter")?;
    let inside = namespace.enter()?;
    let entered = own()?;
    drop(inside);
    assert_ne!(before, entered);
    assert_eq!(before, own()?);
    let spawned = namespace.spawn(move || Ok(fs::read_link("/proc/thread-self/ns/net")?))?;
    assert_eq!(entered, spawned.join().expect("no panic")?);
    let told = run(namespace.command("readlink").arg("/proc/self/ns/net"))?;
    assert_eq!(entered.to_string_lossy(), told.trim());
    let name = namespace.name().to_owned();
    drop(namespace);
    assert!(!fs::exists(format!("/run/netns/{name}"))?);
    Ok(())
}

#[test]
fn a_quiet_wire_carries_nothing_of_its_own() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions::default())?;
    thread::sleep(Duration::from_secs(2));
    for namespace in [&a, &b] {
        assert_eq!(
            Counters::read(namespace, &pair.a.name)?,
            Counters::default()
        );
    }
    Ok(())
}

#[test]
fn neighbours_need_no_resolution_and_both_versions_answer() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions::default())?;
    let tap = WireTap::start(&b, &pair.b.name)?;
    for version in IpVersion::ALL {
        let server = pair.b.address(version);
        let inside = b.enter()?;
        let listener = std::net::TcpListener::bind((server, 7777))?;
        drop(inside);
        let inside = a.enter()?;
        drop(std::net::TcpStream::connect((server, 7777))?);
        drop(inside);
        drop(listener.accept()?);
    }
    let truth = tap.stop()?;
    assert_eq!(truth.other.packets, 0, "{truth:?}");
    assert!(
        truth
            .directions
            .keys()
            .all(|way| way.protocol == protocol::TCP)
    );
    Ok(())
}

#[test]
fn the_tap_counts_raw_frames_to_the_byte() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions::default())?;
    let path = Path::between(&pair.a, &pair.b, IpVersion::V4, (40_000, 9));
    let frames: Vec<_> = (0..1_000)
        .map(|length| path.udp(&vec![0; length]))
        .collect();
    let tagged = path.tagged(
        &[(ethertype::SERVICE_VLAN, 2), (ethertype::VLAN, 3)],
        &path.ip(protocol::UDP, &path.udp_datagram(b"tagged")),
    );
    let tap = WireTap::start(&b, &pair.b.name)?;
    let socket = RawSocket::bind(&a, &pair.a.name)?;
    let mut sent = socket.send_all(&frames)?;
    let paced = socket.send_paced(&frames, 20_000)?;
    socket.send(&tagged)?;
    sent.packets += paced.packets + 1;
    sent.bytes += paced.bytes + tagged.len() as u64;
    socket.send(&path.arp_request())?;
    let truth = tap.stop()?;
    assert_eq!(truth.of(&direction(&path, protocol::UDP)), sent);
    assert_eq!((truth.other.packets, truth.other.bytes), (1, 42));
    assert_eq!(truth.super_packets, 0);
    Ok(())
}

#[test]
fn every_frame_of_the_corpus_crosses_a_wire() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions {
        mtu: 9_000,
        ..VethOptions::default()
    })?;
    let frames: Vec<_> = corpus()
        .into_iter()
        // A packet socket refuses a bare Ethernet header, and a receiver drops a half VLAN tag
        // (skb_vlan_untag) before any tap or TC hook.
        .filter(|case| case.frame.len() > 14 && case.name != "cut within a VLAN tag")
        .map(|case| case.frame)
        .collect();
    let tap = WireTap::start(&b, &pair.b.name)?;
    let sent = RawSocket::bind(&a, &pair.a.name)?.send_all(&frames)?;
    let truth = tap.stop()?;
    let back = Counters::read(&b, &pair.b.name)?;
    assert_eq!((back.rx_packets, back.rx_bytes), (sent.packets, sent.bytes));
    assert_eq!(truth.total().packets, sent.packets + back.tx_packets);
    assert_eq!(truth.total().bytes, sent.bytes + back.tx_bytes);
    Ok(())
}

#[test]
fn a_tap_device_takes_a_super_packet_whose_segments_nobody_counted() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tap")?;
    for version in IpVersion::ALL {
        let device = Tap::new(&namespace, "tap0", Layer::Ethernet)?;
        let counter = WireTap::start(&namespace, device.name())?;
        let path = Path::example(version);
        let frame = path.tcp(tcp::ACK, 1, &vec![0; 20 * 1448 - 5]);
        device.send_with(VirtioHeader::tcp(version, 1448), &frame)?;
        device.send(&path.udp(b"alone"))?;
        let truth = counter.stop()?;
        let headers = frame.len() as u64 - (20 * 1448 - 5);
        let wire = truth.of(&direction(&path, protocol::TCP));
        assert_eq!(wire.packets, 20);
        assert_eq!(wire.bytes, frame.len() as u64 + 19 * headers);
        assert_eq!(truth.of(&direction(&path, protocol::UDP)).packets, 1);
        assert_eq!(truth.super_packets, 1);
        assert_eq!(device.receive()?, None, "a quiet device sends nothing");
    }
    Ok(())
}

#[test]
fn a_tap_device_takes_a_long_frame_with_a_short_linear_part() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tap")?;
    let device = Tap::new(&namespace, "tap0", Layer::Ethernet)?;
    let counter = WireTap::start(&namespace, device.name())?;
    let path = Path::example(IpVersion::V4);
    let frame = path.tcp(tcp::ACK, 1, &[0; 9_000]);
    device.send_with(VirtioHeader::linear(14), &frame)?;
    let truth = counter.stop()?;
    let wire = truth.of(&direction(&path, protocol::TCP));
    assert_eq!((wire.packets, wire.bytes), (1, 9_054));
    Ok(())
}

#[test]
fn a_tap_device_gives_what_the_namespace_sends_uncut() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tap")?;
    let device = Tap::new(&namespace, "tap0", Layer::Ethernet)?;
    let path = Path::example(IpVersion::V4);
    let frame = path.udp(b"outwards");
    RawSocket::bind(&namespace, device.name())?.send(&frame)?;
    let (header, received) = device.receive()?.expect("the frame");
    assert_eq!((header.gso_type, received), (VirtioHeader::GSO_NONE, frame));
    assert_eq!(device.receive()?, None);
    Ok(())
}

#[test]
fn a_tun_device_takes_packets_without_a_link_header() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("tun")?;
    let device = Tap::new(&namespace, "tun0", Layer::Ip)?;
    let path = Path::example(IpVersion::V6);
    let packet = path.ip(protocol::UDP, &path.udp_datagram(b"no link"));
    device.send(&packet)?;
    let counters = Counters::read(&namespace, device.name())?;
    assert_eq!(
        (counters.rx_packets, counters.rx_bytes),
        (1, packet.len() as u64)
    );
    Ok(())
}

#[test]
fn generated_frames_arrive_all_and_equally_on_each_flow() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    if !object_path().exists() {
        skip("the kernel object with the generator is not built: cargo xtask build");
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions::default())?;
    set_offloads(&b, &pair.b.name, Offloads::All)?;
    for version in IpVersion::ALL {
        let stream = Stream::udp(&pair.a, &pair.b, version, 1_000);
        let generator = Generator::load(&object_path(), pair.a.index, &stream)?;
        let before = Counters::read(&b, &pair.b.name)?;
        let tap = WireTap::start(&b, &pair.b.name)?;
        let sent = generator.send(&a, 20_000)?;
        let truth = tap.stop()?;
        let arrived = Counters::read(&b, &pair.b.name)?.since(&before);
        assert_eq!(truth.total(), sent);
        assert_eq!((arrived.rx_packets, arrived.lost()), (sent.packets, 0));
        assert_eq!(truth.directions.len(), 1_000);
        assert!(truth.directions.values().all(|flow| flow.packets == 20));
    }
    Ok(())
}

#[test]
fn a_paced_generator_keeps_its_rate_and_its_count() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    if !object_path().exists() {
        skip("the kernel object with the generator is not built: cargo xtask build");
        return Ok(());
    }
    let (a, b, pair) = two(VethOptions::default())?;
    set_offloads(&b, &pair.b.name, Offloads::All)?;
    let stream = Stream::udp(&pair.a, &pair.b, IpVersion::V4, 7);
    let generator = Generator::load(&object_path(), pair.a.index, &stream)?;
    let second = Duration::from_secs(1);
    let sent = generator.send_for(&a, second, 10_000)?;
    let arrived = Counters::read(&b, &pair.b.name)?;
    assert_eq!(
        (arrived.rx_packets, arrived.rx_bytes),
        (sent.packets, sent.bytes)
    );
    // A busy machine may be late, never early; one burst more than the rate is allowed.
    assert!(sent.packets <= 10_100, "{sent:?}");
    Ok(())
}

#[test]
fn a_command_inside_a_namespace_keeps_the_mounts() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let namespace = Namespace::new("mounts")?;
    let mut command = namespace.command("readlink");
    let inside = run(command.arg("/proc/self/ns/mnt").stderr(Stdio::null()))?;
    let outside = fs::read_link("/proc/self/ns/mnt")?;
    assert_eq!(inside.trim(), outside.to_string_lossy());
    Ok(())
}
