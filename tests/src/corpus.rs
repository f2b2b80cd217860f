//! Named frames with what a parser must say about each: the kernel's parser and the host's are
//! held against the same list.

use collector_common::{
    books::Reason,
    packet::{Link, Packet, parse, protocol, tcp},
};

use crate::{
    frames::{Extension, Ipv4Fields, Path, ethertype, truncated},
    link::IpVersion,
};

/// A frame and its truth.
#[derive(Clone, Debug)]
pub struct Case {
    /// What is special about the frame.
    pub name: &'static str,
    /// What stands before the IP header.
    pub link: Link,
    /// The bytes.
    pub frame: Vec<u8>,
    /// What it is.
    pub expected: Verdict,
}

/// What a frame is, without addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Metered.
    Packet(Outline),
    /// Counted under a reason.
    Reason(Reason),
}

/// What a parser reads from a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outline {
    /// 4 or 6.
    pub version: u8,
    /// IANA protocol number.
    pub protocol: u8,
    /// Ports: source, destination; 0 without.
    pub ports: (u16, u16),
    /// TCP flags.
    pub flags: u8,
    /// Payload bytes by the IP header.
    pub payload_len: u32,
}

impl From<&Packet> for Outline {
    fn from(packet: &Packet) -> Self {
        Self {
            version: packet.version,
            protocol: packet.protocol,
            ports: (packet.source_port, packet.destination_port),
            flags: packet.tcp_flags,
            payload_len: packet.payload_len,
        }
    }
}

impl Verdict {
    /// What the host's parser says. Bytes that are missing here are missing for good.
    #[must_use]
    pub fn of(frame: &[u8], link: Link) -> Self {
        match parse(frame, link) {
            Ok(packet) => Self::Packet(Outline::from(&packet)),
            Err(refusal) => Self::Reason(refusal.reason()),
        }
    }
}

const HELLO: &[u8] = b"hello, exit";

/// All cases.
#[must_use]
pub fn corpus() -> Vec<Case> {
    let mut cases = Vec::new();
    for version in IpVersion::ALL {
        plain(&mut cases, version);
        tagged(&mut cases, version);
        cut(&mut cases, version);
    }
    ipv4(&mut cases);
    ipv6(&mut cases);
    not_ip(&mut cases);
    cases
}

/// Frames of the corpus for a device: with Ethernet, all of those; without, what lies behind the
/// Ethernet header of each as well.
#[must_use]
pub fn corpus_for(link: Link) -> Vec<Case> {
    let mut cases = corpus();
    if link == Link::Ip {
        for case in cases.iter_mut().filter(|case| case.link == Link::Ethernet) {
            case.link = Link::Ip;
            case.frame = case.frame.split_off(case.frame.len().min(14));
        }
    }
    cases.retain(|case| case.link == link);
    cases
}

/// A case on Ethernet.
fn case(name: &'static str, frame: Vec<u8>, expected: Verdict) -> Case {
    let link = Link::Ethernet;
    Case {
        name,
        link,
        frame,
        expected,
    }
}

fn reason(name: &'static str, frame: Vec<u8>, reason: Reason) -> Case {
    case(name, frame, Verdict::Reason(reason))
}

fn outline(path: &Path, protocol: u8, payload_len: usize) -> Outline {
    let ports = match protocol {
        protocol::TCP | protocol::UDP | protocol::SCTP => path.ports,
        _ => (0, 0),
    };
    Outline {
        version: if path.addresses.0.is_ipv4() { 4 } else { 6 },
        protocol,
        ports,
        flags: 0,
        payload_len: u32::try_from(payload_len).expect("a frame's length"),
    }
}

fn udp_of(path: &Path) -> Verdict {
    Verdict::Packet(outline(path, protocol::UDP, HELLO.len()))
}

fn tcp_of(path: &Path, flags: u8, payload_len: usize) -> Verdict {
    Verdict::Packet(Outline {
        flags,
        ..outline(path, protocol::TCP, payload_len)
    })
}

/// Each transport, with nothing special around it.
fn plain(cases: &mut Vec<Case>, version: IpVersion) {
    let path = Path::example(version);
    for (name, flags) in [
        ("TCP SYN", tcp::SYN),
        ("TCP SYN-ACK", tcp::SYN | tcp::ACK),
        ("TCP FIN", tcp::FIN | tcp::ACK),
        ("TCP RST", tcp::RST),
    ] {
        cases.push(case(name, path.tcp(flags, 7, b""), tcp_of(&path, flags, 0)));
    }
    let jumbo = [7; 8_900];
    for (name, payload) in [("TCP data", HELLO), ("TCP jumbo frame", &jumbo)] {
        let frame = path.tcp(tcp::ACK, u32::MAX, payload);
        cases.push(case(name, frame, tcp_of(&path, tcp::ACK, payload.len())));
    }
    cases.push(case("UDP", path.udp(HELLO), udp_of(&path)));
    let mut padded = path.udp(HELLO);
    padded.resize(padded.len().max(60) + 4, 0);
    cases.push(case("UDP with Ethernet padding", padded, udp_of(&path)));
    for (name, number, body) in [
        ("echo request", path.icmp(), path.echo_request(HELLO)),
        ("SCTP", protocol::SCTP, path.sctp_packet(&[1, 0, 0, 4])),
        ("GRE", 47, vec![0, 0, 8, 0]),
        ("a transport of one byte", 253, vec![1]),
    ] {
        let frame = path.frame(&path.ip(number, &body));
        let expected = Verdict::Packet(outline(&path, number, body.len()));
        cases.push(case(name, frame, expected));
    }
    cases.push(Case {
        name: "no Ethernet header",
        link: Link::Ip,
        frame: path.ip(protocol::UDP, &path.udp_datagram(HELLO)),
        expected: udp_of(&path),
    });
}

/// VLAN tags, one to more than anyone stacks.
fn tagged(cases: &mut Vec<Case>, version: IpVersion) {
    let path = Path::example(version);
    let packet = path.ip(protocol::UDP, &path.udp_datagram(HELLO));
    let vlan = (ethertype::VLAN, 100);
    let outer = (ethertype::SERVICE_VLAN, 200);
    for (name, tags) in [
        ("802.1Q", &[vlan][..]),
        ("802.1ad over 802.1Q", &[outer, vlan]),
        ("older number over 802.1Q", &[(0x9100, 1), vlan]),
        ("four tags", &[outer, vlan, vlan, vlan]),
    ] {
        cases.push(case(name, path.tagged(tags, &packet), udp_of(&path)));
    }
    let frame = path.tagged(&[vlan; 5], &packet);
    cases.push(reason("five tags", frame, Reason::Malformed));
}

/// Frames that end too early, and headers that contradict themselves.
fn cut(cases: &mut Vec<Case>, version: IpVersion) {
    let path = Path::example(version);
    let network = match version {
        IpVersion::V4 => 20,
        IpVersion::V6 => 40,
    };
    let tcp = path.tcp(tcp::ACK, 1, HELLO);
    for (name, length) in [
        ("cut behind the Ethernet header", 14),
        ("cut within the IP header", 14 + network - 1),
        ("cut behind the IP header", 14 + network),
        ("cut within the TCP ports", 14 + network + 3),
        ("cut within the TCP header", 14 + network + 13),
    ] {
        cases.push(reason(name, truncated(&tcp, length), Reason::Malformed));
    }
    let frame = truncated(&path.udp(HELLO), 14 + network + 7);
    cases.push(reason(
        "cut within the UDP header",
        frame,
        Reason::Malformed,
    ));
    let frame = truncated(&path.tagged(&[(ethertype::VLAN, 1)], &[]), 15);
    cases.push(reason("cut within a VLAN tag", frame, Reason::Malformed));

    let mut wrong_version = tcp.clone();
    wrong_version[14] = 0x75;
    cases.push(reason("IP version 7", wrong_version, Reason::Malformed));
    let mut short_tcp = tcp.clone();
    short_tcp[14 + network + 12] = 0x40;
    cases.push(reason(
        "TCP header of 16 bytes",
        short_tcp,
        Reason::Malformed,
    ));
    let mut long_tcp = tcp;
    long_tcp[14 + network + 12] = 0xf0;
    cases.push(reason(
        "TCP header past the packet",
        long_tcp,
        Reason::Malformed,
    ));
    let frame = path.frame(&path.ip(protocol::UDP, &path.udp_datagram(HELLO)[..7]));
    cases.push(reason("UDP packet of 7 bytes", frame, Reason::Malformed));
}

/// Options, fragments, and lengths that can't be.
fn ipv4(cases: &mut Vec<Case>) {
    let path = Path::example(IpVersion::V4);
    let segment = path.tcp_segment(tcp::ACK, 1, HELLO);
    let acknowledged = tcp_of(&path, tcp::ACK, HELLO.len());
    for (name, options) in [
        ("options of 4 bytes", &[1; 4][..]),
        ("options of 40 bytes", &[1; 40]),
    ] {
        let fields = Ipv4Fields {
            options,
            ..Ipv4Fields::default()
        };
        let frame = path.frame(&path.ipv4(protocol::TCP, &fields, &segment));
        cases.push(case(name, frame, acknowledged));
    }
    let fragment = |fragment_offset, more_fragments| {
        let fields = Ipv4Fields {
            fragment_offset,
            more_fragments,
            ..Ipv4Fields::default()
        };
        path.frame(&path.ipv4(protocol::TCP, &fields, &segment))
    };
    cases.push(case("first fragment", fragment(0, true), acknowledged));
    let later = Reason::LaterFragment;
    cases.push(reason("middle fragment", fragment(1480, true), later));
    cases.push(reason("last fragment", fragment(2960, false), later));

    let plain = path.tcp(tcp::ACK, 1, HELLO);
    for (name, place, byte) in [
        ("header length of 16 bytes", 14, 0x44),
        ("total length below the header", 17, 19),
        ("total length that ends in the TCP header", 17, 39),
    ] {
        let mut frame = plain.clone();
        frame[place] = byte;
        cases.push(reason(name, frame, Reason::Malformed));
    }
    let mut frame = plain;
    (frame[16], frame[17]) = (0, 0);
    let mut expected = acknowledged;
    if let Verdict::Packet(outline) = &mut expected {
        outline.payload_len = u32::MAX;
    }
    cases.push(case("total length 0 (BIG TCP)", frame, expected));
}

/// Extension headers alone, together, and too many.
fn ipv6(cases: &mut Vec<Case>) {
    use Extension::{Authentication, DestinationOptions, Fragment, HopByHop, Mobility, Routing};
    let path = Path::example(IpVersion::V6);
    let datagram = path.udp_datagram(HELLO);
    let frame = |chain: &[Extension]| path.frame(&path.ipv6(chain, protocol::UDP, &datagram));
    let all = [
        HopByHop(0),
        DestinationOptions(0),
        Routing(1),
        Fragment(0, false),
        Authentication(3),
        Mobility,
    ];
    for (name, chain) in [
        ("hop-by-hop options", &[HopByHop(0)][..]),
        ("destination options of 64 bytes", &[DestinationOptions(7)]),
        ("routing header", &[Routing(2)]),
        ("authentication header", &[Authentication(3)]),
        ("mobility header", &[Mobility]),
        ("atomic fragment", &[Fragment(0, false)]),
        ("first fragment", &[Fragment(0, true)]),
        ("six extension headers", &all),
        ("eight extension headers", &[DestinationOptions(0); 8]),
    ] {
        cases.push(case(name, frame(chain), udp_of(&path)));
    }
    for (name, chain, why) in [
        (
            "later fragment",
            &[Fragment(1448, true)][..],
            Reason::LaterFragment,
        ),
        (
            "last fragment",
            &[HopByHop(0), Fragment(1448, false)],
            Reason::LaterFragment,
        ),
        (
            "nine extension headers",
            &[DestinationOptions(0); 9],
            Reason::Malformed,
        ),
    ] {
        cases.push(reason(name, frame(chain), why));
    }
    let whole = frame(&[DestinationOptions(3)]);
    let cut = truncated(&whole, 14 + 40 + 4);
    cases.push(reason(
        "cut within an extension header",
        cut,
        Reason::Malformed,
    ));
    let mut long = whole;
    long[14 + 40 + 1] = 200;
    cases.push(reason(
        "extension header past the packet",
        long,
        Reason::Malformed,
    ));
    let none = path.frame(&path.ipv6(&[HopByHop(0)], 59, &[]));
    let expected = Verdict::Packet(outline(&path, 59, 0));
    cases.push(case("no next header", none, expected));
}

fn not_ip(cases: &mut Vec<Case>) {
    let path = Path::example(IpVersion::V4);
    for (name, frame) in [
        ("ARP", path.arp_request()),
        ("LLDP", path.ethernet(&[], ethertype::LLDP, &[0; 46])),
        ("802.3 with LLC", path.ethernet(&[], 38, &[0x42; 38])),
        (
            "ARP in a VLAN",
            path.ethernet(&[(ethertype::VLAN, 5)], ethertype::ARP, &[0; 28]),
        ),
    ] {
        cases.push(reason(name, frame, Reason::NotIp));
    }
    cases.push(Case {
        name: "no Ethernet header and no IP",
        link: Link::Ip,
        frame: vec![0; 40],
        expected: Verdict::Reason(Reason::NotIp),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_parser_says_of_each_frame_what_it_is() {
        for case in corpus() {
            let verdict = Verdict::of(&case.frame, case.link);
            let version = case.frame.get(12..14);
            assert_eq!(
                verdict, case.expected,
                "{} (ethertype {version:02x?})",
                case.name
            );
        }
    }

    #[test]
    fn the_corpus_has_every_reason_that_a_frame_alone_can_give() {
        let cases = corpus();
        for reason in [Reason::NotIp, Reason::Malformed, Reason::LaterFragment] {
            let expected = Verdict::Reason(reason);
            assert!(
                cases.iter().any(|case| case.expected == expected),
                "{reason:?}"
            );
        }
        assert!(cases.len() > 60, "{}", cases.len());
    }
}
