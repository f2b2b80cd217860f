//! Header bytes as they lie on the wire.

use super::*;

/// Ethernet II to IPv4 (192.0.2.1 to 192.0.2.2), TCP 40000 to 443, SYN and ACK, sequence
/// 0x01020304, payload `hi`.
const IPV4_TCP: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0\
    \x45\0\0\x2a\x12\x34\x40\0\x40\x06\0\0\xc0\0\x02\x01\xc0\0\x02\x02\
    \x9c\x40\x01\xbb\x01\x02\x03\x04\0\0\0\x01\x50\x12\xff\xff\0\0\0\0hi";
/// Ethernet II to IPv6 (2001:db8::1 to 2001:db8::2), UDP 40000 to 53, payload `hello`.
const IPV6_UDP: &[u8] = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x86\xdd\
    \x60\0\0\0\0\x0d\x11\x40\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x9c\x40\0\x35\0\x0d\0\0hello";
const ETHERNET: usize = 14;
/// Where the transport header of [`IPV6_UDP`] starts.
const BEHIND_IPV6: usize = ETHERNET + 40;

fn read(frame: &[u8]) -> Result<Packet, Refusal> {
    parse(frame, Link::Ethernet)
}

fn refused(frame: &[u8]) -> Reason {
    match read(frame) {
        Err(Refusal::Reason(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

fn with(frame: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for (place, byte) in changes {
        frame[*place] = *byte;
    }
    frame
}

fn insert(frame: &[u8], place: usize, bytes: &[u8]) -> Vec<u8> {
    [&frame[..place], bytes, &frame[place..]].concat()
}

/// [`IPV6_UDP`] behind extension headers: the first one's number and all bytes of the chain, whose
/// last header names UDP.
fn extended(first: u8, chain: &[u8]) -> Vec<u8> {
    let length = u16::try_from(13 + chain.len()).unwrap().to_be_bytes();
    let changes = [(18, length[0]), (19, length[1]), (20, first)];
    insert(&with(IPV6_UDP, &changes), BEHIND_IPV6, chain)
}

/// Frames that are longer by tags, options or extension headers, for tests of every length.
fn long_frames() -> Vec<Vec<u8>> {
    let authentication = [17, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    vec![
        IPV4_TCP.to_vec(),
        IPV6_UDP.to_vec(),
        insert(IPV4_TCP, 12, &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2]),
        with_options(&[1; 40]),
        extended(51, &authentication),
        extended(0, &[44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 1]),
        with(IPV4_TCP, &[(23, protocol::SCTP)]),
    ]
}

fn with_options(options: &[u8]) -> Vec<u8> {
    let words = u8::try_from(options.len() / 4).unwrap();
    let total = 0x2a + u8::try_from(options.len()).unwrap();
    let longer = with(IPV4_TCP, &[(14, 0x45 + words), (17, total)]);
    insert(&longer, ETHERNET + 20, options)
}

#[test]
fn a_tcp_segment_over_ipv4_is_read_to_its_payload() {
    let expected = Packet {
        source: Address::v4([192, 0, 2, 1]),
        destination: Address::v4([192, 0, 2, 2]),
        source_port: 40_000,
        destination_port: 443,
        protocol: protocol::TCP,
        version: 4,
        tcp_flags: tcp::SYN | tcp::ACK,
        jumbo_header: false,
        sequence: 0x0102_0304,
        payload: 54,
        payload_len: 2,
    };
    assert_eq!(read(IPV4_TCP), Ok(expected));
}

#[test]
fn a_udp_datagram_over_ipv6_is_read_to_its_payload() {
    let mut source = [0; 16];
    source[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
    let mut destination = source;
    (source[15], destination[15]) = (1, 2);
    let expected = Packet {
        source: Address::v6(source),
        destination: Address::v6(destination),
        source_port: 40_000,
        destination_port: 53,
        protocol: protocol::UDP,
        version: 6,
        payload: 62,
        payload_len: 5,
        ..Packet::default()
    };
    assert_eq!(read(IPV6_UDP), Ok(expected));
}

#[test]
fn a_packet_without_a_link_header_is_the_same_packet() {
    for frame in [IPV4_TCP, IPV6_UDP] {
        let mut expected = read(frame).unwrap();
        expected.payload -= ETHERNET as u32;
        assert_eq!(parse(&frame[ETHERNET..], Link::Ip), Ok(expected));
    }
}

#[test]
fn no_link_header_and_no_ip_version_is_not_ip() {
    for first in [0x00, 0x50, 0x70, 0xf5] {
        let result = parse(&[first; 40][..], Link::Ip);
        assert_eq!(result, Err(Refusal::Reason(Reason::NotIp)));
    }
    assert_eq!(parse(&[][..], Link::Ip), Err(Refusal::Short));
}

#[test]
fn up_to_four_tags_of_every_kind_are_passed_over() {
    let tags = [
        0x81, 0, 0x20, 100, 0x88, 0xa8, 0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3,
    ];
    for frame in [IPV4_TCP, IPV6_UDP] {
        for count in 1..=4 {
            let mut expected = read(frame).unwrap();
            expected.payload += 4 * count as u32;
            let tagged = insert(frame, 12, &tags[..4 * count]);
            assert_eq!(read(&tagged), Ok(expected), "{count} tags");
        }
    }
}

#[test]
fn a_fifth_tag_is_malformed() {
    let tags = [0x81, 0, 0, 1].repeat(5);
    assert_eq!(refused(&insert(IPV4_TCP, 12, &tags)), Reason::Malformed);
}

#[test]
fn what_is_not_ip_is_counted_as_that_with_and_without_a_tag() {
    for ethertype in [[0x08, 0x06], [0x88, 0x47], [0x88, 0x64], [0x00, 0x26]] {
        let changes = [(12, ethertype[0]), (13, ethertype[1])];
        let other = with(IPV4_TCP, &changes);
        assert_eq!(refused(&other), Reason::NotIp);
        let tagged = insert(&other, 12, &[0x81, 0, 0, 1]);
        assert_eq!(refused(&tagged), Reason::NotIp);
    }
}

#[test]
fn ipv4_options_move_the_transport_and_nothing_else() {
    for length in [4, 20, 40] {
        let mut expected = read(IPV4_TCP).unwrap();
        expected.payload += length as u32;
        assert_eq!(read(&with_options(&[1; 40][..length])), Ok(expected));
    }
}

#[test]
fn a_total_length_of_zero_leaves_the_payload_to_the_end_of_the_frame() {
    let big = with(IPV4_TCP, &[(16, 0), (17, 0)]);
    let packet = read(&big).unwrap();
    assert_eq!(packet.payload_len, u32::MAX);
    assert_eq!(packet.payload_in(big.len() as u32), 2);
}

#[test]
fn an_ipv6_length_of_zero_leaves_the_payload_to_the_end_of_the_frame() {
    let big = with(IPV6_UDP, &[(18, 0), (19, 0)]);
    let packet = read(&big).unwrap();
    assert_eq!(packet.payload_len, u32::MAX);
    assert_eq!(packet.payload_in(big.len() as u32), 5);
}

#[test]
fn ethernet_padding_is_no_payload() {
    let mut padded = IPV4_TCP.to_vec();
    padded.resize(60, 0);
    let packet = read(&padded).unwrap();
    assert_eq!(packet.payload_in(padded.len() as u32), 2);
}

#[test]
fn a_payload_is_never_longer_than_its_frame() {
    let lying = with(IPV4_TCP, &[(16, 0xff), (17, 0xff)]);
    let packet = read(&lying).unwrap();
    assert_eq!(packet.payload_in(lying.len() as u32), 2);
    assert_eq!(packet.payload_in(20), 0);
}

#[test]
fn a_first_fragment_is_read_and_a_later_one_never() {
    let first = with(IPV4_TCP, &[(20, 0x20)]);
    assert_eq!(read(&first), read(IPV4_TCP));
    for (high, low) in [(0x20, 0xb9), (0x00, 0xb9), (0x1f, 0xff), (0x00, 0x01)] {
        let later = with(IPV4_TCP, &[(20, high), (21, low)]);
        assert_eq!(refused(&later), Reason::LaterFragment);
    }
}

#[test]
fn a_later_fragment_needs_no_transport_header() {
    let later = with(IPV4_TCP, &[(20, 0x00), (21, 0xb9)]);
    assert_eq!(refused(&later[..ETHERNET + 20]), Reason::LaterFragment);
}

#[test]
fn ipv4_headers_that_contradict_themselves_are_malformed() {
    for (name, changes) in [
        ("version 5", &[(14, 0x55)][..]),
        ("header of 16 bytes", &[(14, 0x44)]),
        ("header of 0 bytes", &[(14, 0x40)]),
        ("total below the header", &[(17, 19)]),
        ("total that ends in the TCP header", &[(17, 39)]),
        ("TCP header of 16 bytes", &[(46, 0x40)]),
        ("TCP header past the packet", &[(46, 0xf0)]),
        ("UDP of 7 bytes", &[(23, protocol::UDP), (17, 27)]),
    ] {
        assert_eq!(
            refused(&with(IPV4_TCP, changes)),
            Reason::Malformed,
            "{name}"
        );
    }
}

#[test]
fn ipv6_headers_that_contradict_themselves_are_malformed() {
    for (name, changes) in [
        ("version 4", &[(14, 0x45)][..]),
        ("UDP of 7 bytes", &[(19, 7)]),
    ] {
        assert_eq!(
            refused(&with(IPV6_UDP, changes)),
            Reason::Malformed,
            "{name}"
        );
    }
    let past_the_packet = with(&extended(60, &[17, 0, 1, 4, 0, 0, 0, 0]), &[(19, 7)]);
    assert_eq!(refused(&past_the_packet), Reason::Malformed);
}

#[test]
fn each_extension_header_is_passed_over_by_its_own_length() {
    let plain = read(IPV6_UDP).unwrap();
    let eight = [17, 0, 1, 4, 0, 0, 0, 0];
    let sixteen = [17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let authentication = [
        17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    for number in [
        extension::HOP_BY_HOP,
        extension::ROUTING,
        extension::DESTINATION,
        extension::MOBILITY,
        extension::HIP,
        extension::SHIM6,
    ] {
        for chain in [&eight[..], &sixteen] {
            let expected = Packet {
                payload: plain.payload + chain.len() as u32,
                ..plain
            };
            assert_eq!(read(&extended(number, chain)), Ok(expected), "{number}");
        }
    }
    let expected = Packet {
        payload: plain.payload + 24,
        ..plain
    };
    let frame = extended(extension::AUTHENTICATION, &authentication);
    assert_eq!(read(&frame), Ok(expected), "in words of 4 bytes, minus 2");
}

#[test]
fn an_atomic_or_first_ipv6_fragment_is_read_and_a_later_one_never() {
    let plain = read(IPV6_UDP).unwrap();
    for more in [0, 1] {
        let frame = extended(44, &[17, 0, 0, more, 0, 0, 0, 9]);
        let expected = Packet {
            payload: plain.payload + 8,
            ..plain
        };
        assert_eq!(read(&frame), Ok(expected));
    }
    for (high, low) in [(0x05, 0xa8), (0x05, 0xa9), (0x00, 0x08), (0xff, 0xf8)] {
        let frame = extended(44, &[17, 0, high, low, 0, 0, 0, 9]);
        assert_eq!(refused(&frame), Reason::LaterFragment);
    }
}

#[test]
fn a_fragment_header_has_eight_bytes_whatever_its_reserved_byte_says() {
    let frame = extended(44, &[17, 200, 0, 1, 0, 0, 0, 9]);
    assert_eq!(read(&frame).unwrap().payload, 62 + 8);
}

#[test]
fn eight_extension_headers_are_read_and_a_ninth_is_malformed() {
    let chain = |count: usize| {
        let mut chain = [60, 0, 1, 4, 0, 0, 0, 0].repeat(count);
        chain[8 * (count - 1)] = 17;
        chain
    };
    assert_eq!(read(&extended(60, &chain(8))).unwrap().destination_port, 53);
    assert_eq!(refused(&extended(60, &chain(9))), Reason::Malformed);
}

#[test]
fn headers_that_start_beyond_the_bound_are_malformed() {
    let mut long = vec![0; 2048];
    (long[0], long[1]) = (60, 255);
    let mut last = vec![0; 2048];
    (last[0], last[1]) = (17, 255);
    let frame = extended(60, &[long, last].concat());
    assert_eq!(refused(&frame), Reason::Malformed);
}

#[test]
fn the_kernels_jumbo_header_is_noted() {
    // RFC 2675: hop-by-hop, option 0xc2 of 4 bytes, length 0x00012345.
    let frame = extended(0, &[17, 0, 0xc2, 4, 0, 1, 0x23, 0x45]);
    let jumbo = with(&frame, &[(18, 0), (19, 0)]);
    let packet = read(&jumbo).unwrap();
    assert!(packet.jumbo_header);
    assert_eq!(packet.payload_len, u32::MAX);
    let padding = extended(0, &[17, 0, 1, 4, 0, 0, 0, 0]);
    assert!(!read(&padding).unwrap().jumbo_header);
    // On the wire the option is the sender's own and its bytes count: only the kernel's buffer,
    // with length 0, has a header that the wire has not.
    assert!(!read(&frame).unwrap().jumbo_header);
}

#[test]
fn what_a_scratch_held_before_never_shows() {
    let mut packet = read(&extended(0, &[17, 0, 0xc2, 4, 0, 1, 0x23, 0x45])).unwrap();
    parse_into(IPV4_TCP, Link::Ethernet, &mut packet).unwrap();
    assert_eq!(Ok(packet), read(IPV4_TCP));
    parse_into(IPV6_UDP, Link::Ethernet, &mut packet).unwrap();
    assert_eq!(Ok(packet), read(IPV6_UDP));
}

#[test]
fn sctp_has_ports_and_its_payload_is_the_packet() {
    let packet = read(&with(IPV4_TCP, &[(23, protocol::SCTP)])).unwrap();
    assert_eq!((packet.source_port, packet.destination_port), (40_000, 443));
    assert_eq!((packet.payload, packet.payload_len), (34, 22));
    assert_eq!((packet.tcp_flags, packet.sequence), (0, 0));
}

#[test]
fn icmp_and_unknown_transports_have_ports_zero() {
    for number in [protocol::ICMP, 47, 50, 59, 253] {
        let packet = read(&with(IPV4_TCP, &[(23, number)])).unwrap();
        assert_eq!((packet.source_port, packet.destination_port), (0, 0));
        assert_eq!((packet.protocol, packet.payload_len), (number, 22));
    }
    let packet = read(&with(IPV6_UDP, &[(20, protocol::ICMPV6)])).unwrap();
    assert_eq!((packet.source_port, packet.destination_port), (0, 0));
}

#[test]
fn a_transport_without_ports_may_be_empty() {
    let empty = with(&IPV4_TCP[..34], &[(17, 20), (23, protocol::ICMP)]);
    assert_eq!(read(&empty).unwrap().payload_len, 0);
}

#[test]
fn a_frame_that_ends_in_a_header_is_short_at_every_length() {
    for frame in long_frames() {
        let whole = read(&frame).unwrap();
        // TCP is read to its flags and window, SCTP to its ports.
        let needed = match whole.protocol {
            protocol::TCP => whole.payload as usize - 4,
            protocol::SCTP => whole.payload as usize + 4,
            _ => whole.payload as usize,
        };
        for length in 0..needed {
            assert_eq!(read(&frame[..length]), Err(Refusal::Short), "{length}");
        }
        for length in needed..frame.len() {
            assert_eq!(read(&frame[..length]), Ok(whole), "{length}");
        }
    }
}

#[test]
fn no_byte_and_no_length_makes_the_parser_panic_or_read_past_the_end() {
    for frame in long_frames() {
        for place in 0..frame.len() {
            for byte in 0..=u8::MAX {
                let changed = with(&frame, &[(place, byte)]);
                for link in [Link::Ethernet, Link::Ip] {
                    if let Ok(packet) = parse(&changed[..], link) {
                        let frame = changed.len() as u32;
                        let payload = packet.payload_in(frame);
                        assert!(payload == 0 || packet.payload + payload <= frame);
                    }
                }
            }
        }
    }
}
