//! Headers of a tunnelled super-packet: every segment repeats them through the innermost TCP or
//! UDP header, not only those of the tunnel's carrier.
//!
//! Read are IP in IP (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784, RFC 2890), VXLAN (RFC 7348) and
//! Geneve (RFC 8926), each one level deep, as the kernel segments and merges them. No read is in a
//! loop, and each starts at a bounded offset: a Geneve header has 260 bytes at most, an IPv4 header
//! 60.

use crate::packet::{Bytes, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Packet, protocol};

/// IANA protocol numbers of tunnels.
mod carrier {
    pub(super) const IPV4: u8 = 4;
    pub(super) const IPV6: u8 = 41;
    pub(super) const GRE: u8 = 47;
}

/// UDP destination ports of tunnels; 8472 is Linux's VXLAN port from before IANA gave one.
mod port {
    pub(super) const VXLAN: u16 = 4789;
    pub(super) const VXLAN_OLD: u16 = 8472;
    pub(super) const GENEVE: u16 = 6081;
}

/// Transparent Ethernet bridging: an Ethernet frame inside GRE or Geneve.
const ETHERTYPE_ETHERNET: u16 = 0x6558;

/// What lies behind a header. Not an `Option` of it: the kernel's verifier sees the registers read
/// that `None` leaves undefined.
#[derive(Clone, Copy)]
struct Next {
    /// Ethertype or protocol number; 0 where there is nothing to read.
    kind: u16,
    /// Where it starts, from the start of the frame.
    offset: usize,
}

impl Next {
    const NOTHING: Self = Self { kind: 0, offset: 0 };
}

/// Bytes from the link header through the innermost transport header of a super-packet whose
/// outer headers are `packet`; [`Packet::payload`] where it is no tunnel that is read here.
///
/// Only a tunnel whose inner packet ends where the outer one ends is one super-packet. Where many
/// whole datagrams to a tunnel's port were merged behind one UDP header, the inner packet is one
/// datagram's, and each segment repeats the outer headers only.
#[inline(always)]
#[must_use]
pub fn header_len<B: Bytes + ?Sized>(bytes: &B, packet: &Packet) -> u32 {
    let start = packet.payload as usize;
    let inner = match packet.protocol {
        carrier::IPV4 => Next {
            kind: ETHERTYPE_IPV4,
            offset: start,
        },
        carrier::IPV6 => Next {
            kind: ETHERTYPE_IPV6,
            offset: start,
        },
        carrier::GRE => gre(bytes, start),
        protocol::UDP => match packet.destination_port {
            port::VXLAN | port::VXLAN_OLD => vxlan(bytes, start),
            port::GENEVE => geneve(bytes, start),
            _ => Next::NOTHING,
        },
        _ => Next::NOTHING,
    };
    let inner = if inner.kind == ETHERTYPE_ETHERNET {
        ethernet(bytes, inner.offset)
    } else {
        inner
    };
    let room = packet
        .payload_len
        .saturating_sub((inner.offset as u32).saturating_sub(packet.payload));
    let inner = match inner.kind {
        ETHERTYPE_IPV4 => ipv4(bytes, inner.offset, room),
        ETHERTYPE_IPV6 => ipv6(bytes, inner.offset, room),
        _ => Next::NOTHING,
    };
    match transport(bytes, inner) {
        0 => packet.payload,
        end => end as u32,
    }
}

/// GRE of version 0 without routing.
#[inline(always)]
fn gre<B: Bytes + ?Sized>(bytes: &B, start: usize) -> Next {
    const CHECKSUM: u8 = 0x80;
    const ROUTING: u8 = 0x40;
    const KEY: u8 = 0x20;
    const SEQUENCE: u8 = 0x10;
    let Some([flags, version, kind @ ..]) = bytes.read::<4>(start) else {
        return Next::NOTHING;
    };
    if flags & ROUTING != 0 || version & 0x07 != 0 {
        return Next::NOTHING;
    }
    let fields = (flags & (CHECKSUM | KEY | SEQUENCE)).count_ones() as usize;
    Next {
        kind: u16::from_be_bytes(kind),
        offset: bytes.forget(start + 4 + 4 * fields),
    }
}

/// VXLAN with a network identifier, without the protocol field of its extension (VXLAN-GPE).
#[inline(always)]
fn vxlan<B: Bytes + ?Sized>(bytes: &B, start: usize) -> Next {
    const IDENTIFIER: u8 = 0x08;
    const PROTOCOL: u8 = 0x04;
    match bytes.read::<8>(start) {
        Some([flags, ..]) if flags & (IDENTIFIER | PROTOCOL) == IDENTIFIER => Next {
            kind: ETHERTYPE_ETHERNET,
            offset: start + 8,
        },
        _ => Next::NOTHING,
    }
}

/// Geneve of version 0; the options' length is in words of 4 bytes.
#[inline(always)]
fn geneve<B: Bytes + ?Sized>(bytes: &B, start: usize) -> Next {
    let Some([first, _, high, low, ..]) = bytes.read::<8>(start) else {
        return Next::NOTHING;
    };
    if first >> 6 != 0 {
        return Next::NOTHING;
    }
    Next {
        kind: u16::from_be_bytes([high, low]),
        offset: bytes.forget(start + 8 + 4 * usize::from(first & 0x3f)),
    }
}

/// An inner Ethernet header without tags.
#[inline(always)]
fn ethernet<B: Bytes + ?Sized>(bytes: &B, start: usize) -> Next {
    match bytes.read::<2>(start + 12) {
        Some(kind) => Next {
            kind: u16::from_be_bytes(kind),
            offset: start + 14,
        },
        None => Next::NOTHING,
    }
}

/// An inner IPv4 header; `room`: bytes to the outer packet's end, `u32::MAX` where unknown.
#[inline(always)]
fn ipv4<B: Bytes + ?Sized>(bytes: &B, start: usize, room: u32) -> Next {
    let Some([first, _, high, low, .., kind]) = bytes.read::<10>(start) else {
        return Next::NOTHING;
    };
    let header_len = usize::from(first & 0x0f) * 4;
    let total = u32::from(u16::from_be_bytes([high, low]));
    if first >> 4 != 4 || header_len < 20 || !fills(total, room) {
        return Next::NOTHING;
    }
    Next {
        kind: kind.into(),
        offset: bytes.forget(start + header_len),
    }
}

/// An inner IPv6 header; `room` as for [`ipv4`]. Extension headers are not read.
#[inline(always)]
fn ipv6<B: Bytes + ?Sized>(bytes: &B, start: usize, room: u32) -> Next {
    let Some([first, _, _, _, high, low, kind]) = bytes.read::<7>(start) else {
        return Next::NOTHING;
    };
    let payload = u32::from(u16::from_be_bytes([high, low]));
    // A length of 0 stays one: above 64 KiB.
    let total = if payload == 0 { 0 } else { payload + 40 };
    if first >> 4 != 6 || !fills(total, room) {
        return Next::NOTHING;
    }
    Next {
        kind: kind.into(),
        offset: start + 40,
    }
}

/// Whether an inner packet of `total` bytes ends with the outer one; yes where one of them does not
/// say (BIG TCP).
#[inline(always)]
fn fills(total: u32, room: u32) -> bool {
    total == 0 || room >= BIG || total == room
}

/// No length from an IP header reaches this: it was `u32::MAX`, less a few headers.
const BIG: u32 = 1 << 31;

/// Where the payload of the transport at `inner` starts; 0 for neither TCP nor UDP.
#[inline(always)]
fn transport<B: Bytes + ?Sized>(bytes: &B, inner: Next) -> usize {
    const TCP: u16 = protocol::TCP as u16;
    const UDP: u16 = protocol::UDP as u16;
    match inner.kind {
        // Of the two bytes the first holds the length; see `version_of` in `packet` for why two.
        TCP => match bytes.read::<2>(inner.offset + 12) {
            Some([first, _]) if first >> 4 >= 5 => inner.offset + usize::from(first >> 4) * 4,
            _ => 0,
        },
        UDP if bytes.read::<8>(inner.offset).is_some() => inner.offset + 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
