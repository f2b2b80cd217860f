//! Each peer serves its client, over both IP versions, and the wires tell the truth about it.

use std::net::SocketAddr;

use anyhow::Result;
use collector_tests::{
    clients::{self, Iperf, RecordType, Tls},
    counts::WireTap,
    link::{IpVersion, Offloads, VethPair},
    netns::Namespace,
    peers::{self, PAGES, SERVER_NAME},
    privileges::root_or_skip,
    relay::{METERED, Relay},
};

/// A client, a server and the wire between them.
fn two() -> Result<(Namespace, Namespace, VethPair)> {
    let (client, server) = (Namespace::new("client")?, Namespace::new("server")?);
    let pair = VethPair::between(&client, &server)?;
    Ok((client, server, pair))
}

#[test]
fn nginx_serves_each_page_by_http_and_both_versions_of_tls() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (client, server, pair) = two()?;
    let _nginx = peers::nginx(&server, 80, 443)?;
    for address in IpVersion::ALL.map(|version| pair.b.address(version)) {
        for page in PAGES {
            let size = clients::fetch(&client, (address, 80).into(), None, page.path)?;
            assert_eq!(size, page.len);
        }
        let https = SocketAddr::new(address, 443);
        for tls in [Tls::V1_2, Tls::V1_3] {
            let page = PAGES[0];
            let size = clients::fetch(&client, https, Some(tls), page.path)?;
            assert_eq!(size, page.len);
            clients::handshake(&client, https, tls, SERVER_NAME)?;
        }
    }
    Ok(())
}

#[test]
fn sshd_takes_its_client_key() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (client, server, pair) = two()?;
    let sshd = peers::sshd(&server, 2222)?;
    let key = sshd.folder().join(peers::CLIENT_KEY);
    for address in IpVersion::ALL.map(|version| pair.b.address(version)) {
        clients::ssh(&client, (address, 2222).into(), &key)?;
    }
    Ok(())
}

#[test]
fn dnsmasq_answers_for_the_one_name_it_knows() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (client, server, pair) = two()?;
    let _dnsmasq = peers::dnsmasq(&server, 53)?;
    let tap = WireTap::start(&client, &pair.a.name)?;
    for address in IpVersion::ALL.map(|version| pair.b.address(version)) {
        let dns = SocketAddr::new(address, 53);
        assert_eq!(
            clients::resolve(&client, dns, SERVER_NAME, RecordType::A)?,
            1
        );
        assert_eq!(
            clients::resolve(&client, dns, SERVER_NAME, RecordType::Aaaa)?,
            1
        );
        assert_eq!(
            clients::resolve(&client, dns, "other.example", RecordType::A)?,
            0
        );
    }
    let truth = tap.stop()?;
    assert_eq!(
        (truth.to_port(53).packets, truth.from_port(53).packets),
        (6, 6)
    );
    assert_eq!(
        truth.total().packets,
        12,
        "nothing but questions and answers"
    );
    Ok(())
}

#[test]
fn the_mail_server_upgrades_to_tls() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (client, server, pair) = two()?;
    let _smtp = peers::smtp_server(&server, 25)?;
    for address in IpVersion::ALL.map(|version| pair.b.address(version)) {
        clients::smtp_starttls(&client, (address, 25).into())?;
    }
    Ok(())
}

#[test]
fn the_metered_wire_and_the_true_wire_carry_the_same_segments() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    for offloads in [Offloads::Segmentation, Offloads::All] {
        let relay = Relay::new(offloads)?;
        let _iperf = peers::iperf_server(&relay.server, 5201)?;
        for address in IpVersion::ALL.map(|version| relay.second.b.address(version)) {
            for reverse in [false, true] {
                let metered = WireTap::start(&relay.client, METERED)?;
                let wire = relay.tap()?;
                let test = Iperf {
                    bytes: 20_000_000,
                    udp_rate: None,
                    reverse,
                };
                let sums = clients::iperf(&relay.client, (address, 5201).into(), test)?;
                assert!(sums.sent >= test.bytes, "{sums:?}");
                let (metered, wire) = (metered.stop()?, wire.stop()?);
                assert_eq!(relay.lost()?, 0);
                assert_eq!(wire.super_packets, 0);
                assert!(
                    metered.super_packets > 0 || reverse,
                    "no super-packet to test with"
                );
                assert_eq!(metered.directions, wire.directions);
            }
        }
    }
    Ok(())
}

#[test]
fn segmented_udp_is_cut_as_the_tap_says() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let relay = Relay::new(Offloads::Segmentation)?;
    for address in IpVersion::ALL.map(|version| relay.second.b.address(version)) {
        let inside = relay.server.enter()?;
        let _sink = std::net::UdpSocket::bind((address, 9))?;
        drop(inside);
        let metered = WireTap::start(&relay.client, METERED)?;
        let wire = relay.tap()?;
        let to = SocketAddr::new(address, 9);
        let (port, datagrams) = clients::send_segmented(&relay.client, to, 300_001, 1_200)?;
        let (metered, wire) = (metered.stop()?, wire.stop()?);
        assert_eq!(relay.lost()?, 0);
        assert!(metered.super_packets > 0, "no super-packet to test with");
        assert_eq!(metered.from_port(port).packets, datagrams);
        assert_eq!(metered.directions, wire.directions);
    }
    Ok(())
}

#[test]
fn iperf_over_udp_loses_nothing_at_a_paced_rate() -> Result<()> {
    if !root_or_skip() {
        return Ok(());
    }
    let (client, server, pair) = two()?;
    let _iperf = peers::iperf_server(&server, 5201)?;
    for address in IpVersion::ALL.map(|version| pair.b.address(version)) {
        let test = Iperf {
            bytes: 2_000_000,
            udp_rate: Some(50_000_000),
            reverse: false,
        };
        let sums = clients::iperf(&client, (address, 5201).into(), test)?;
        assert!(sums.sent >= test.bytes, "{sums:?}");
        assert_eq!(sums.lost, 0);
    }
    Ok(())
}
