//! Frames made by hand, layer by layer: a transport segment, in an IP packet, in an Ethernet
//! frame. Checksums are right unless a test breaks them.

use std::net::IpAddr;

use collector_common::packet::{protocol, tcp};
use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpAuthHeader, IpFragOffset,
    IpNumber, Ipv4Header, Ipv4Options, Ipv6FragmentHeader, Ipv6Header, TcpHeader, UdpHeader,
};

use crate::link::{End, IpVersion, Subnet};

/// Ethertypes that the frames here use.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// 802.1Q.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// 802.1ad, the outer tag of two.
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// LLDP.
    pub const LLDP: u16 = 0x88cc;
}

/// Who sends to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// Hardware addresses: source, destination.
    pub macs: ([u8; 6], [u8; 6]),
    /// IP addresses: source, destination; of one version.
    pub addresses: (IpAddr, IpAddr),
    /// Ports: source, destination.
    pub ports: (u16, u16),
}

impl Path {
    /// Documentation addresses, host 1 to host 2, port 40000 to 443, and locally administered
    /// hardware addresses.
    #[must_use]
    pub fn example(version: IpVersion) -> Self {
        let net = Subnet::First;
        Self {
            macs: ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]),
            addresses: match version {
                IpVersion::V4 => (net.v4(1).into(), net.v4(2).into()),
                IpVersion::V6 => (net.v6(1).into(), net.v6(2).into()),
            },
            ports: (40_000, 443),
        }
    }

    /// Between these hosts, with the hardware addresses of [`Path::example`].
    #[must_use]
    pub fn of(addresses: (IpAddr, IpAddr), ports: (u16, u16)) -> Self {
        Self {
            addresses,
            ports,
            ..Self::example(IpVersion::V4)
        }
    }

    /// From one end of a pair to the other.
    #[must_use]
    pub fn between(from: &End, to: &End, version: IpVersion, ports: (u16, u16)) -> Self {
        Self {
            macs: (from.mac, to.mac),
            addresses: (from.address(version), to.address(version)),
            ports,
        }
    }

    /// The way back.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            macs: (self.macs.1, self.macs.0),
            addresses: (self.addresses.1, self.addresses.0),
            ports: (self.ports.1, self.ports.0),
        }
    }

    /// The same hosts with other ports.
    #[must_use]
    pub fn with_ports(self, source: u16, destination: u16) -> Self {
        Self {
            ports: (source, destination),
            ..self
        }
    }

    /// The number of this IP version's ICMP.
    #[must_use]
    pub fn icmp(&self) -> u8 {
        match self.addresses.0 {
            IpAddr::V4(_) => protocol::ICMP,
            IpAddr::V6(_) => protocol::ICMPV6,
        }
    }

    /// A TCP segment; `flags` as in [`collector_common::packet::tcp`].
    #[must_use]
    pub fn tcp_segment(&self, flags: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut header = TcpHeader::new(self.ports.0, self.ports.1, sequence, 65_535);
        header.fin = flags & tcp::FIN != 0;
        header.syn = flags & tcp::SYN != 0;
        header.rst = flags & tcp::RST != 0;
        header.ack = flags & tcp::ACK != 0;
        header.acknowledgment_number = u32::from(header.ack);
        header.checksum = match self.addresses {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                header.calc_checksum_ipv4_raw(from.octets(), to.octets(), payload)
            }
            (from, to) => header.calc_checksum_ipv6_raw(v6(from), v6(to), payload),
        }
        .expect("the payload fits an IP packet");
        [&header.to_bytes()[..], payload].concat()
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp_datagram(&self, payload: &[u8]) -> Vec<u8> {
        let header = match self.addresses {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let length = u16::try_from(payload.len() + 8).expect("fits an IP packet");
                let mut header = UdpHeader {
                    source_port: self.ports.0,
                    destination_port: self.ports.1,
                    length,
                    checksum: 0,
                };
                header.checksum = header
                    .calc_checksum_ipv4_raw(from.octets(), to.octets(), payload)
                    .expect("fits an IP packet");
                header
            }
            (from, to) => {
                let ip = v6_header(from, to, protocol::UDP, 0);
                UdpHeader::with_ipv6_checksum(self.ports.0, self.ports.1, &ip, payload)
                    .expect("fits an IP packet")
            }
        };
        [&header.to_bytes(), payload].concat()
    }

    /// An ICMP or ICMPv6 echo request.
    #[must_use]
    pub fn echo_request(&self, payload: &[u8]) -> Vec<u8> {
        let echo = IcmpEchoHeader { id: 7, seq: 1 };
        let header = match self.addresses {
            (IpAddr::V4(_), _) => {
                Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), payload)
                    .to_bytes()
                    .to_vec()
            }
            (from, to) => {
                let kind = Icmpv6Type::EchoRequest(echo);
                Icmpv6Header::with_checksum(kind, v6(from), v6(to), payload)
                    .expect("fits an IP packet")
                    .to_bytes()
                    .to_vec()
            }
        };
        [&header, payload].concat()
    }

    /// The common header of an SCTP packet (RFC 9260, section 3.1) and `chunks`.
    #[must_use]
    pub fn sctp_packet(&self, chunks: &[u8]) -> Vec<u8> {
        let mut packet = Vec::with_capacity(12 + chunks.len());
        packet.extend(self.ports.0.to_be_bytes());
        packet.extend(self.ports.1.to_be_bytes());
        packet.extend([0; 8]); // verification tag, checksum
        packet.extend(chunks);
        packet
    }

    /// An IP packet without options or extension headers.
    #[must_use]
    pub fn ip(&self, protocol: u8, body: &[u8]) -> Vec<u8> {
        match self.addresses {
            (IpAddr::V4(_), _) => self.ipv4(protocol, &Ipv4Fields::default(), body),
            _ => self.ipv6(&[], protocol, body),
        }
    }

    /// An IPv4 packet.
    ///
    /// # Panics
    /// The path is IPv6, or a field is out of range.
    #[must_use]
    pub fn ipv4(&self, protocol: u8, fields: &Ipv4Fields, body: &[u8]) -> Vec<u8> {
        let (IpAddr::V4(from), IpAddr::V4(to)) = self.addresses else {
            panic!("an IPv4 packet on an IPv6 path");
        };
        let length = u16::try_from(body.len()).expect("fits an IP packet");
        let (from, to) = (from.octets(), to.octets());
        let mut header = Ipv4Header::new(length, 64, IpNumber(protocol), from, to).expect("fits");
        header.options = Ipv4Options::try_from(fields.options).expect("0 to 40 bytes, by 4");
        header.set_payload_len(body.len()).expect("fits");
        header.identification = 0x1234;
        header.dont_fragment = !fields.more_fragments && fields.fragment_offset == 0;
        header.more_fragments = fields.more_fragments;
        header.fragment_offset =
            IpFragOffset::try_new(fields.fragment_offset / 8).expect("13 bits of 8 bytes");
        header.header_checksum = header.calc_header_checksum();
        [&header.to_bytes()[..], body].concat()
    }

    /// An IPv6 packet whose extension headers are `extensions`, in this order.
    ///
    /// # Panics
    /// The path is IPv4.
    #[must_use]
    pub fn ipv6(&self, extensions: &[Extension], protocol: u8, body: &[u8]) -> Vec<u8> {
        let mut chain = Vec::new();
        for (place, extension) in extensions.iter().enumerate() {
            let next = extensions
                .get(place + 1)
                .map_or(protocol, Extension::number);
            chain.extend(extension.to_bytes(next));
        }
        let first = extensions.first().map_or(protocol, Extension::number);
        let (from, to) = self.addresses;
        let header = v6_header(from, to, first, chain.len() + body.len());
        [&header.to_bytes()[..], &chain, body].concat()
    }

    /// An Ethernet frame around an IP packet.
    #[must_use]
    pub fn frame(&self, packet: &[u8]) -> Vec<u8> {
        self.tagged(&[], packet)
    }

    /// An Ethernet frame with VLAN tags, outermost first: ethertype and VLAN id of each.
    #[must_use]
    pub fn tagged(&self, tags: &[(u16, u16)], packet: &[u8]) -> Vec<u8> {
        let ethertype = match self.addresses.0 {
            IpAddr::V4(_) => ethertype::IPV4,
            IpAddr::V6(_) => ethertype::IPV6,
        };
        self.ethernet(tags, ethertype, packet)
    }

    /// An Ethernet frame around anything.
    #[must_use]
    pub fn ethernet(&self, tags: &[(u16, u16)], ethertype: u16, body: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(14 + 4 * tags.len() + body.len());
        frame.extend(self.macs.1);
        frame.extend(self.macs.0);
        for (tag, id) in tags {
            frame.extend(tag.to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
        frame.extend(ethertype.to_be_bytes());
        frame.extend(body);
        frame
    }

    /// A frame with a TCP segment.
    #[must_use]
    pub fn tcp(&self, flags: u8, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let segment = self.tcp_segment(flags, sequence, payload);
        self.frame(&self.ip(protocol::TCP, &segment))
    }

    /// A frame with a UDP datagram.
    #[must_use]
    pub fn udp(&self, payload: &[u8]) -> Vec<u8> {
        self.frame(&self.ip(protocol::UDP, &self.udp_datagram(payload)))
    }

    /// A frame with an ICMP or ICMPv6 echo request.
    #[must_use]
    pub fn echo(&self, payload: &[u8]) -> Vec<u8> {
        self.frame(&self.ip(self.icmp(), &self.echo_request(payload)))
    }

    /// An ARP request (RFC 826) for the destination.
    ///
    /// # Panics
    /// The path is IPv6.
    #[must_use]
    pub fn arp_request(&self) -> Vec<u8> {
        let (IpAddr::V4(from), IpAddr::V4(to)) = self.addresses else {
            panic!("ARP on an IPv6 path");
        };
        let mut body = vec![0, 1, 8, 0, 6, 4, 0, 1];
        body.extend(self.macs.0);
        body.extend(from.octets());
        body.extend([0; 6]);
        body.extend(to.octets());
        self.ethernet(&[], ethertype::ARP, &body)
    }
}

/// What of an IPv4 header a test chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ipv4Fields<'a> {
    /// Options: 0 to 40 bytes, a multiple of 4.
    pub options: &'a [u8],
    /// Offset of this fragment, bytes, a multiple of 8.
    pub fragment_offset: u16,
    /// A fragment follows.
    pub more_fragments: bool,
}

/// An IPv6 extension header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extension {
    /// Hop-by-hop options, padding of this many units of 8 bytes behind the first.
    HopByHop(u8),
    /// Destination options, likewise.
    DestinationOptions(u8),
    /// Routing header of type 0 with no segments left, likewise.
    Routing(u8),
    /// Fragment at this offset (bytes, a multiple of 8); whether more follow.
    Fragment(u16, bool),
    /// Authentication header (RFC 4302) with an integrity value of this many words of 4 bytes.
    Authentication(u8),
    /// Mobility header (RFC 6275) with no more than its first 8 bytes.
    Mobility,
}

impl Extension {
    /// The number that the header before carries.
    #[must_use]
    pub fn number(&self) -> u8 {
        match self {
            Self::HopByHop(_) => 0,
            Self::Routing(_) => 43,
            Self::Fragment(..) => 44,
            Self::Authentication(_) => 51,
            Self::DestinationOptions(_) => 60,
            Self::Mobility => 135,
        }
    }

    fn to_bytes(self, next: u8) -> Vec<u8> {
        match self {
            // A PadN option (RFC 8200, section 4.2) fills the first unit, Pad1 the others.
            Self::HopByHop(units) | Self::DestinationOptions(units) => {
                padded(&[next, units, 1, 4, 0, 0, 0, 0], units)
            }
            Self::Routing(units) => padded(&[next, units, 0, 0, 0, 0, 0, 0], units),
            Self::Mobility => vec![next, 0, 0, 0, 0, 0, 0, 0],
            Self::Fragment(offset, more) => {
                let offset = IpFragOffset::try_new(offset / 8).expect("13 bits of 8 bytes");
                Ipv6FragmentHeader::new(IpNumber(next), offset, more, 1)
                    .to_bytes()
                    .to_vec()
            }
            Self::Authentication(words) => {
                let value = vec![0; usize::from(words) * 4];
                IpAuthHeader::new(IpNumber(next), 1, 1, &value)
                    .expect("up to 254 words")
                    .to_bytes()
                    .to_vec()
            }
        }
    }
}

fn padded(first: &[u8; 8], units: u8) -> Vec<u8> {
    let mut bytes = first.to_vec();
    bytes.resize(8 * (usize::from(units) + 1), 0);
    bytes
}

fn v6_header(from: IpAddr, to: IpAddr, next: u8, length: usize) -> Ipv6Header {
    Ipv6Header {
        payload_length: u16::try_from(length).expect("fits an IP packet"),
        next_header: IpNumber(next),
        hop_limit: 64,
        source: v6(from),
        destination: v6(to),
        ..Ipv6Header::default()
    }
}

fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(address) => address.octets(),
        IpAddr::V4(_) => panic!("an IPv6 packet on an IPv4 path"),
    }
}

/// The first `length` bytes of a frame.
#[must_use]
pub fn truncated(frame: &[u8], length: usize) -> Vec<u8> {
    frame.iter().copied().take(length).collect()
}

#[cfg(test)]
mod tests {
    use etherparse::{SlicedPacket, TransportSlice};

    use super::*;

    #[test]
    fn frames_read_back_strictly_as_they_were_asked_for() {
        for version in IpVersion::ALL {
            let path = Path::example(version);
            let frame = path.tcp(tcp::SYN, 7, b"hello");
            let packet = SlicedPacket::from_ethernet(&frame).expect("a frame without faults");
            let Some(TransportSlice::Tcp(segment)) = packet.transport else {
                panic!("no TCP");
            };
            assert!(segment.syn() && !segment.ack());
            assert_eq!(
                (segment.source_port(), segment.destination_port()),
                path.ports
            );
            assert_eq!(segment.payload(), b"hello");
        }
    }

    #[test]
    fn an_extension_chain_ends_at_its_transport() {
        let path = Path::example(IpVersion::V6);
        let chain = [
            Extension::HopByHop(1),
            Extension::Routing(0),
            Extension::Fragment(0, false),
            Extension::Authentication(3),
            Extension::DestinationOptions(2),
        ];
        let frame = path.frame(&path.ipv6(&chain, protocol::UDP, &path.udp_datagram(b"x")));
        let packet = SlicedPacket::from_ethernet(&frame).expect("a frame without faults");
        assert!(
            matches!(packet.transport, Some(TransportSlice::Udp(udp)) if udp.payload() == b"x")
        );
    }
}
