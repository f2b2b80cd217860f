//! Link headers: what a frame begins with, and how much stands before its IP header.
//!
//! Numbers and layouts: draft-ietf-opsawg-pcaplinktype and the pages it points to. A header that is
//! cut leaves no bytes of IP, which the parser counts as malformed.

use collector_common::packet::{Bytes, ETHERTYPE_IPV4, ETHERTYPE_IPV6, is_tag};

/// What a frame's bytes begin with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameLink {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Ip,
    /// What the link header names, which is not IP.
    NotIp,
    /// A link header that is not read here.
    Unsupported,
}

/// LINKTYPE_ numbers.
mod link_type {
    pub(super) const NULL: u16 = 0;
    pub(super) const ETHERNET: u16 = 1;
    pub(super) const PPP: u16 = 9;
    /// DLT_RAW of most systems and of OpenBSD, which some programs write into files.
    pub(super) const DLT_RAW: u16 = 12;
    pub(super) const DLT_RAW_OPENBSD: u16 = 14;
    pub(super) const PPP_HDLC: u16 = 50;
    pub(super) const PPP_ETHER: u16 = 51;
    pub(super) const RAW: u16 = 101;
    pub(super) const C_HDLC: u16 = 104;
    pub(super) const LOOP: u16 = 108;
    pub(super) const LINUX_SLL: u16 = 113;
    pub(super) const PPI: u16 = 192;
    pub(super) const IPV4: u16 = 228;
    pub(super) const IPV6: u16 = 229;
    pub(super) const LINUX_SLL2: u16 = 276;
}

/// A link header that was read: what is behind it, and its bytes.
type Stripped = (FrameLink, usize);

/// No link header is so long.
const ALL: usize = usize::MAX;
/// A header that is cut or nested beyond the bound.
const CUT: Stripped = (FrameLink::Ip, ALL);

/// Reads the link header of a frame. Its length may be more than `bytes` has.
#[inline]
pub(super) fn strip(link_type: u16, bytes: &[u8]) -> Stripped {
    match link_type {
        link_type::ETHERNET => (FrameLink::Ethernet, 0),
        link_type::PPI => ppi(bytes).unwrap_or(CUT),
        other => behind(other, bytes).unwrap_or(CUT),
    }
}

fn behind(link_type: u16, bytes: &[u8]) -> Option<Stripped> {
    match link_type {
        link_type::RAW
        | link_type::DLT_RAW
        | link_type::DLT_RAW_OPENBSD
        | link_type::IPV4
        | link_type::IPV6 => Some((FrameLink::Ip, 0)),
        link_type::LINUX_SLL => behind_tags(bytes, 14, 16),
        link_type::LINUX_SLL2 => behind_tags(bytes, 0, 20),
        link_type::NULL | link_type::LOOP => null(bytes),
        link_type::PPP | link_type::PPP_HDLC | link_type::C_HDLC => hdlc(bytes),
        link_type::PPP_ETHER => pppoe(bytes),
        _ => Some((FrameLink::Unsupported, 0)),
    }
}

/// The ethertype at `kind` of a cooked header of `header` bytes, up to four VLAN tags behind it, as
/// in an Ethernet frame.
fn behind_tags(bytes: &[u8], kind: usize, mut header: usize) -> Option<Stripped> {
    let mut ethertype = u16::from_be_bytes(bytes.read(kind)?);
    for _ in 0..4 {
        if is_tag(ethertype) {
            ethertype = u16::from_be_bytes(bytes.read(header + 2)?);
            header += 4;
        }
    }
    if is_tag(ethertype) {
        return Some(CUT);
    }
    Some((by_ethertype(ethertype), header))
}

fn by_ethertype(number: u16) -> FrameLink {
    match number {
        ETHERTYPE_IPV4 | ETHERTYPE_IPV6 => FrameLink::Ip,
        _ => FrameLink::NotIp,
    }
}

/// BSD's loopback: an address family in the byte order of the capturing machine, or (LOOP) of the
/// network. Families are small, so that the order shows.
fn null(bytes: &[u8]) -> Option<Stripped> {
    let field = bytes.read(0)?;
    let family = u32::from_le_bytes(field).min(u32::from_be_bytes(field));
    let link = match family {
        2 => FrameLink::Ip,
        // Linux; NetBSD and OpenBSD; FreeBSD; Darwin.
        10 | 24 | 28 | 30 => FrameLink::Ip,
        _ => FrameLink::NotIp,
    };
    Some((link, 4))
}

/// PPP in HDLC-like framing (RFC 1662) or without it, or Cisco's HDLC, which the first byte tells:
/// no PPP protocol begins with 0x0f or 0x8f.
fn hdlc(bytes: &[u8]) -> Option<Stripped> {
    match bytes.read(0)? {
        [0xff, 0x03] => ppp(bytes, 2),
        [0x0f | 0x8f, _] => {
            let ethertype = u16::from_be_bytes(bytes.read(2)?);
            Some((by_ethertype(ethertype), 4))
        }
        _ => ppp(bytes, 0),
    }
}

/// A PPP protocol field (RFC 1661, section 2): two bytes, or one where it is compressed, whose
/// lowest bit is set.
fn ppp(bytes: &[u8], start: usize) -> Option<Stripped> {
    let [first] = bytes.read(start)?;
    let (number, len) = if first & 1 == 1 {
        (u16::from(first), 1)
    } else {
        (u16::from_be_bytes(bytes.read(start)?), 2)
    };
    let link = match number {
        0x0021 | 0x0057 => FrameLink::Ip,
        _ => FrameLink::NotIp,
    };
    Some((link, start + len))
}

/// A PPPoE header (RFC 2516, section 4): code 0 is a session's data.
fn pppoe(bytes: &[u8]) -> Option<Stripped> {
    let [_, code] = bytes.read(0)?;
    match code {
        0 => ppp(bytes, 6),
        _ => Some((FrameLink::NotIp, 6)),
    }
}

/// Per-packet information: a header that tells its length and the link type behind it, little
/// endian.
fn ppi(bytes: &[u8]) -> Option<Stripped> {
    let [_, _, low, high] = bytes.read(0)?;
    let header = usize::from(u16::from_le_bytes([low, high]));
    let inner = u16::try_from(u32::from_le_bytes(bytes.read(4)?)).unwrap_or(u16::MAX);
    let rest = bytes.get(header..)?;
    if header < 8 || inner == link_type::PPI {
        return Some(CUT);
    }
    let (link, behind) = strip(inner, rest);
    Some((link, header.saturating_add(behind)))
}
