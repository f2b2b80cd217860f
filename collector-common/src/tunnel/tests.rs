//! Super-packets as they lie in a buffer, with the first bytes of their payload only: lengths in
//! headers are those of the whole.

use super::*;
use crate::packet::{Link, parse};

/// Bytes that all headers here give as the inner TCP or UDP payload.
const PAYLOAD: usize = 4_000;
/// TCP 40000 to 443 with a timestamp option: 32 bytes.
const TCP: &[u8] = b"\x9c\x40\x01\xbb\x01\x02\x03\x04\0\0\0\x01\x80\x10\xff\xff\0\0\0\0\
    \x01\x01\x08\x0a\0\0\0\x01\0\0\0\x02";
/// VXLAN with network identifier 1.
const VXLAN: &[u8] = b"\x08\0\0\0\0\0\x01\0";
const HARDWARE: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01";

/// An IPv4 packet (192.0.2.1 to 192.0.2.2) that says it holds `body` and the payload.
fn ipv4(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + body.len() + PAYLOAD)
        .unwrap()
        .to_be_bytes();
    let header = [0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    [&header[..], b"\xc0\0\x02\x01\xc0\0\x02\x02", body].concat()
}

/// The same over IPv6 (2001:db8::1 to 2001:db8::2).
fn ipv6(protocol: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len() + PAYLOAD).unwrap().to_be_bytes();
    let header = [0x60, 0, 0, 0, high, low, protocol, 64];
    let addresses = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
        \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02";
    [&header[..], addresses, body].concat()
}

/// UDP from 40000 to `port`; its length is not read.
fn udp(port: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    [&[0x9c, 0x40, high, low, 0, 0, 0, 0], body].concat()
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    let ethertype = if packet[0] >> 4 == 4 {
        ETHERTYPE_IPV4
    } else {
        ETHERTYPE_IPV6
    };
    [HARDWARE, &ethertype.to_be_bytes()[..], packet].concat()
}

/// Inner packets of every kind that is read.
fn inner() -> Vec<Vec<u8>> {
    let datagram = udp(53, b"");
    vec![
        ipv4(protocol::TCP, TCP),
        ipv6(protocol::TCP, TCP),
        ipv4(protocol::UDP, &datagram),
        ipv6(protocol::UDP, &datagram),
    ]
}

/// What is found in an outer packet in its Ethernet frame: whole headers and bytes of payload.
fn found(packet: &[u8]) -> usize {
    let frame = [&ethernet(packet)[..], b"payload"].concat();
    let outer = parse(&frame[..], Link::Ethernet).unwrap();
    header_len(&frame[..], &outer) as usize
}

/// All headers of an outer packet in its Ethernet frame.
fn whole(packet: &[u8]) -> usize {
    14 + packet.len()
}

/// Holds that all headers of a tunnel are found, over both versions of IP.
#[track_caller]
fn assert_whole(protocol: u8, body: &[u8]) {
    for packet in [ipv4(protocol, body), ipv6(protocol, body)] {
        assert_eq!(found(&packet), whole(&packet), "{packet:02x?}");
    }
}

/// Holds that only the outer headers count; `outer` is the length of that of the transport.
#[track_caller]
fn assert_outer(protocol: u8, outer: usize, body: &[u8]) {
    assert_eq!(found(&ipv4(protocol, body)), 14 + 20 + outer);
    assert_eq!(found(&ipv6(protocol, body)), 14 + 40 + outer);
}

#[test]
fn without_a_tunnel_the_headers_are_the_outer_ones() {
    assert_whole(protocol::TCP, TCP);
    assert_whole(protocol::UDP, &udp(443, b""));
}

#[test]
fn ip_in_ip_is_read_to_the_inner_transport() {
    for packet in inner() {
        let number = if packet[0] >> 4 == 4 { 4 } else { 41 };
        assert_whole(number, &packet);
    }
}

#[test]
fn gre_is_read_with_each_of_its_optional_fields() {
    for packet in inner() {
        let frame = ethernet(&packet);
        let kind = &frame[12..14];
        for (flags, fields) in [(0x00, 0), (0x80, 4), (0x20, 4), (0x30, 8), (0xb0, 12)] {
            let header = [&[flags, 0], kind, &[0xff; 12][..fields]].concat();
            assert_whole(carrier::GRE, &[&header, &packet[..]].concat());
            let bridged = [&[flags, 0, 0x65, 0x58], &[0xff; 12][..fields]].concat();
            assert_whole(carrier::GRE, &[&bridged, &frame[..]].concat());
        }
    }
}

#[test]
fn gre_of_another_version_or_with_routing_is_left_alone() {
    let packet = ipv4(protocol::TCP, TCP);
    for start in [[0x20, 0x01], [0x40, 0x00]] {
        let body = [&start[..], &[8, 0, 0, 0, 0, 0], &packet].concat();
        assert_outer(carrier::GRE, 0, &body);
    }
}

#[test]
fn vxlan_is_read_on_both_of_its_ports() {
    for packet in inner() {
        for number in [4789, 8472] {
            let body = [VXLAN, &ethernet(&packet)].concat();
            assert_whole(protocol::UDP, &udp(number, &body));
        }
    }
}

#[test]
fn vxlan_without_an_identifier_or_with_a_protocol_field_is_left_alone() {
    let frame = ethernet(&ipv4(protocol::TCP, TCP));
    for flags in [0x00, 0x0c, 0x80] {
        let body = [&[flags, 0, 0, 0, 0, 0, 1, 0], &frame[..]].concat();
        assert_outer(protocol::UDP, 8, &udp(4789, &body));
    }
}

#[test]
fn vxlan_with_a_group_policy_is_read() {
    let frame = ethernet(&ipv4(protocol::TCP, TCP));
    let body = [&[0x88, 0, 0, 7, 0, 0, 1, 0], &frame[..]].concat();
    assert_whole(protocol::UDP, &udp(4789, &body));
}

#[test]
fn geneve_is_read_with_and_without_options() {
    for packet in inner() {
        let frame = ethernet(&packet);
        for words in [0, 1, 63] {
            let options = vec![0xff; 4 * usize::from(words)];
            let bridged = [&[words, 0, 0x65, 0x58, 0, 0, 1, 0], &options[..], &frame].concat();
            assert_whole(protocol::UDP, &udp(6081, &bridged));
            let header = [&[words, 0], &frame[12..14], &[0, 0, 1, 0], &options].concat();
            assert_whole(protocol::UDP, &udp(6081, &[&header, &packet[..]].concat()));
        }
    }
}

#[test]
fn geneve_of_another_version_is_left_alone() {
    let frame = ethernet(&ipv4(protocol::TCP, TCP));
    let body = [&[0x40, 0, 0x65, 0x58, 0, 0, 1, 0], &frame[..]].concat();
    assert_outer(protocol::UDP, 8, &udp(6081, &body));
}

#[test]
fn inner_ipv4_options_count() {
    let mut packet = ipv4(protocol::TCP, &[&[1; 8], TCP].concat());
    packet[0] = 0x47;
    assert_whole(carrier::IPV4, &packet);
}

#[test]
fn datagrams_of_a_tunnel_that_were_merged_as_datagrams_repeat_the_outer_headers_only() {
    // The inner packet is the first datagram's; the outer length is that of all of them.
    let mut packet = ipv4(protocol::TCP, TCP);
    packet[2..4].copy_from_slice(&1_400_u16.to_be_bytes());
    let body = [VXLAN, &ethernet(&packet)].concat();
    assert_outer(protocol::UDP, 8, &udp(4789, &body));
}

#[test]
fn lengths_of_zero_are_those_of_a_buffer_above_64_kib() {
    let mut inner = ipv6(protocol::TCP, TCP);
    inner[4..6].fill(0);
    let body = udp(4789, &[VXLAN, &ethernet(&inner)].concat());
    assert_whole(protocol::UDP, &body);
    let mut packet = ipv6(protocol::UDP, &body);
    packet[4..6].fill(0);
    assert_eq!(found(&packet), whole(&packet));
}

#[test]
fn an_inner_packet_that_cannot_be_read_is_left_alone() {
    let icmp = ipv4(protocol::ICMP, &[8, 0, 0, 0, 0, 0, 0, 0]);
    let fragment_header = ipv6(44, &[6, 0, 0, 0, 0, 0, 0, 1]);
    let mut short_header = ipv4(protocol::TCP, TCP);
    short_header[0] = 0x44;
    let mut short_transport = ipv4(protocol::TCP, TCP);
    short_transport[20 + 12] = 0x40;
    let mut other_version = ipv4(protocol::TCP, TCP);
    other_version[0] = 0x65;
    for packet in [icmp, short_header, short_transport, other_version] {
        assert_outer(carrier::IPV4, 0, &packet);
    }
    assert_outer(carrier::IPV6, 0, &fragment_header);
    let tagged = [HARDWARE, &[0x81, 0, 0, 1, 8, 0], &ipv4(protocol::TCP, TCP)].concat();
    assert_outer(protocol::UDP, 8, &udp(4789, &[VXLAN, &tagged].concat()));
}

#[test]
fn a_frame_cut_anywhere_behind_its_outer_headers_is_left_alone_or_whole() {
    let body = [VXLAN, &ethernet(&ipv4(protocol::TCP, TCP))].concat();
    let frame = ethernet(&ipv4(protocol::UDP, &udp(4789, &body)));
    let outer = parse(&frame[..], Link::Ethernet).unwrap();
    // Of the inner TCP header only its length is read.
    let enough = frame.len() - TCP.len() + 14;
    for length in 14 + 20 + 8..=frame.len() {
        let expected = if length < enough {
            14 + 20 + 8
        } else {
            frame.len()
        };
        assert_eq!(header_len(&frame[..length], &outer) as usize, expected);
    }
}
