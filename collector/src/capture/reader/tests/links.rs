use collector_common::{
    books::Reason,
    packet::{Link, Refusal, parse},
};

use super::*;

/// What stands in for an IP packet.
const PACKET: &[u8] = b"\x45 packet";

/// A frame of this link type, out of both formats.
fn frame(link_type: u16, bytes: &[u8]) -> Seen {
    let len = u32::try_from(bytes.len()).unwrap();
    let pcap = Draft::pcap(Order::Little, MICROSECONDS, link_type).packet((0, 0), bytes, len);
    let pcapng = Draft::pcapng(Order::Big)
        .interface(link_type, 0, &[])
        .enhanced(0, 0, bytes, len);
    let [older, newer] = [pcap, pcapng].map(|capture| frames(&capture.bytes));
    assert_eq!(older, newer);
    let frame = older.into_iter().next().unwrap();
    let captured = frame.link_header as usize + frame.bytes.len();
    assert_eq!(captured, bytes.len());
    frame
}

/// Holds the packet behind these bytes to be found.
fn stripped(link_type: u16, header: &[u8]) {
    let seen = frame(link_type, &[header, PACKET].concat());
    let found = (seen.link, seen.link_header as usize, &seen.bytes[..]);
    assert_eq!(
        found,
        (FrameLink::Ip, header.len(), PACKET),
        "{header:02x?}"
    );
}

fn link(link_type: u16, header: &[u8]) -> FrameLink {
    frame(link_type, &[header, PACKET].concat()).link
}

fn sll(protocol: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], protocol].concat()
}

fn sll2(protocol: [u8; 2], behind: &[u8]) -> Vec<u8> {
    let rest = [0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    [&protocol, &rest[..], behind].concat()
}

#[test]
fn an_ethernet_frame_keeps_its_header() {
    let seen = frame(1, b"a frame");
    assert_eq!((seen.link, seen.link_header), (FrameLink::Ethernet, 0));
}

#[test]
fn raw_packets_have_no_header() {
    for link_type in [12, 14, 101, 228, 229] {
        stripped(link_type, b"");
    }
}

#[test]
fn cooked_headers_name_the_protocol_at_their_end_or_at_their_start() {
    for protocol in [[0x08, 0x00], [0x86, 0xdd]] {
        stripped(113, &sll(&protocol));
        stripped(276, &sll2(protocol, b""));
    }
    for protocol in [[0x08, 0x06], [0, 1], [0, 4]] {
        assert_eq!(link(113, &sll(&protocol)), FrameLink::NotIp);
        assert_eq!(link(276, &sll2(protocol, b"")), FrameLink::NotIp);
    }
}

#[test]
fn up_to_four_vlan_tags_stand_behind_a_cooked_header() {
    let tags = b"\0\x01\x88\xa8\0\x02\x91\0\0\x03\x81\0\0\x04\x86\xdd";
    stripped(113, &sll(b"\x81\0\0\x07\x08\0"));
    stripped(113, &[&sll(b"\x81\0")[..], tags].concat());
    stripped(276, &sll2([0x81, 0], b"\0\x07\x08\0"));
    stripped(276, &sll2([0x81, 0], tags));
}

#[test]
fn a_fifth_vlan_tag_is_malformed_as_behind_an_ethernet_header() {
    let tags = b"\0\x01\x81\0\0\x02\x81\0\0\x03\x81\0\0\x04\x81\0\0\x05\x08\0";
    let cooked = frame(113, &[&sll(b"\x81\0")[..], tags, &[0x45; 40]].concat());
    assert_eq!(cooked.link, FrameLink::Ip);
    assert_eq!(parse(&cooked.bytes[..], Link::Ip), Err(Refusal::Short));
    let ethernet = [&[0; 12], &b"\x81\0"[..], tags, &[0x45; 40]].concat();
    let malformed = Err(Refusal::Reason(Reason::Malformed));
    assert_eq!(parse(&ethernet[..], Link::Ethernet), malformed);
}

#[test]
fn loopback_families_are_read_in_both_byte_orders() {
    for link_type in [0, 108] {
        for family in [2, 10, 24, 28, 30] {
            stripped(link_type, &[family, 0, 0, 0]);
            stripped(link_type, &[0, 0, 0, family]);
        }
        assert_eq!(link(link_type, &[7, 0, 0, 0]), FrameLink::NotIp);
        assert_eq!(link(link_type, &[0, 0, 2, 0]), FrameLink::NotIp);
    }
}

#[test]
fn ppp_is_read_with_and_without_framing_and_with_short_protocols() {
    for link_type in [9, 50] {
        stripped(link_type, b"\xff\x03\0\x21");
        stripped(link_type, b"\xff\x03\0\x57");
        stripped(link_type, b"\xff\x03\x21");
        stripped(link_type, b"\0\x21");
        stripped(link_type, b"\x57");
        assert_eq!(link(link_type, b"\xff\x03\xc0\x21"), FrameLink::NotIp);
        assert_eq!(link(link_type, b"\x80\x21"), FrameLink::NotIp);
    }
}

#[test]
fn ciscos_hdlc_is_told_by_its_first_byte() {
    for link_type in [9, 50, 104] {
        stripped(link_type, b"\x0f\0\x08\0");
        stripped(link_type, b"\x8f\0\x86\xdd");
        assert_eq!(link(link_type, b"\x8f\0\x80\x35"), FrameLink::NotIp);
    }
}

#[test]
fn ppp_over_ethernet_is_read_in_sessions() {
    stripped(51, b"\x11\0\0\x01\0\x0a\0\x21");
    stripped(51, b"\x11\0\0\x01\0\x0a\0\x57");
    assert_eq!(link(51, b"\x11\x09\0\0\0\x0a\x01\x01"), FrameLink::NotIp);
}

#[test]
fn per_packet_information_hides_another_link_type() {
    let ppi = |len: u8, inner: u8| vec![0, 0, len, 0, inner, 0, 0, 0];
    stripped(192, &ppi(8, 101));
    stripped(192, &[&ppi(12, 0)[..], &[9; 4], &[2, 0, 0, 0]].concat());
    let seen = frame(192, &[&ppi(8, 1)[..], b"frame"].concat());
    let found = (seen.link, seen.link_header, &seen.bytes[..]);
    assert_eq!(found, (FrameLink::Ethernet, 8, &b"frame"[..]));
    assert_eq!(link(192, &ppi(8, 105)), FrameLink::Unsupported);
}

#[test]
fn nested_and_cut_per_packet_information_is_malformed() {
    for header in [[0, 0, 8, 0, 192, 0, 0, 0], [0, 0, 7, 0, 1, 0, 0, 0]] {
        let seen = frame(192, &[&header[..], PACKET].concat());
        assert_eq!((seen.link, &seen.bytes[..]), (FrameLink::Ip, &b""[..]));
    }
    assert_eq!(link(192, &[0, 0, 99, 0, 1, 0, 0, 0]), FrameLink::Ip);
}

#[test]
fn a_cut_link_header_leaves_nothing_to_parse() {
    let headers: [(u16, Vec<u8>); 7] = [
        (0, vec![2, 0, 0, 0]),
        (9, vec![0xff, 0x03, 0, 0x21]),
        (51, b"\x11\0\0\x01\0\x0a\0\x21".to_vec()),
        (104, vec![0x0f, 0, 8, 0]),
        (113, sll(b"\x81\0\0\x07\x08\0")),
        (192, vec![0, 0, 8, 0, 101, 0, 0, 0]),
        (276, sll2([0x81, 0], b"\0\x07\x08\0")),
    ];
    for (link_type, header) in headers {
        for len in 0..header.len() {
            let seen = frame(link_type, &header[..len]);
            assert_eq!(seen.bytes, b"", "{link_type}, {len} bytes");
            assert_eq!(seen.link, FrameLink::Ip, "{link_type}, {len} bytes");
        }
    }
}

#[test]
fn a_link_type_that_is_not_read_says_so() {
    for link_type in [105, 127, 147, 65_535] {
        let seen = frame(link_type, PACKET);
        assert_eq!(seen.link, FrameLink::Unsupported);
        assert_eq!(seen.bytes, PACKET);
    }
}
