//! Header parsing: Ethernet with nested VLAN tags, IPv4 with options and fragments, IPv6 with
//! extension headers, TCP, UDP, SCTP; other transports have ports 0.
//!
//! One generic function serves the kernel, where a read is one bounds check the verifier
//! understands, and the host, where it reads a slice. Every loop and every step is capped: the
//! verifier wants it, and so does a hostile packet.

use crate::{books::Reason, key::Address};

/// Bytes that are read by offset; the one way to a packet.
pub trait Bytes {
    /// `N` bytes from `offset` on, or `None` where fewer are there.
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// True for a reader that leaves rare headers to a slower one: [`parse_into`] says
    /// [`Refusal::Short`] where it meets an IPv6 extension header.
    const HURRIED: bool = false;

    /// The same number. The kernel's verifier follows every value an offset can have through
    /// every header; there this makes it forget, so that the ways to a header look alike.
    #[inline(always)]
    fn forget(&self, offset: usize) -> usize {
        offset
    }
}

impl Bytes for [u8] {
    #[inline(always)]
    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

/// What stands before the IP header.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Link {
    /// Ethernet II, with or without VLAN tags.
    Ethernet = 0,
    /// Nothing (tun, wireguard, raw IP captures).
    Ip = 1,
}

/// IANA protocol numbers that parsing needs.
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// TCP flag bits (RFC 9293, section 3.1).
pub mod tcp {
    /// Sender is done.
    pub const FIN: u8 = 0x01;
    /// Opening.
    pub const SYN: u8 = 0x02;
    /// Abort.
    pub const RST: u8 = 0x04;
    /// Acknowledgment field is valid.
    pub const ACK: u8 = 0x10;
}

/// Headers of one packet that is metered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Source port, host byte order; 0 without ports.
    pub source_port: u16,
    /// Destination port, host byte order; 0 without ports.
    pub destination_port: u16,
    /// IANA protocol number after all extension headers.
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
    /// TCP flags, 0 for other transports.
    pub tcp_flags: u8,
    /// A hop-by-hop jumbo header behind an IPv6 length of 0: a BIG TCP buffer, whose segments go
    /// without that header.
    pub jumbo_header: bool,
    /// TCP sequence number, 0 for other transports.
    pub sequence: u32,
    /// Offset of the transport payload from the start of the frame; for TCP and UDP only, else
    /// the offset of the transport header.
    pub payload: u32,
    /// Payload bytes as the IP header tells; `u32::MAX` where it says 0 (BIG TCP): then the
    /// frame's end is the end.
    pub payload_len: u32,
}

impl Packet {
    /// Payload in `frame`, as far as [`Packet::payload_in`] says.
    #[must_use]
    pub fn payload_of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let payload = frame.get(self.payload as usize..).unwrap_or_default();
        payload
            .get(..self.payload_in(len) as usize)
            .unwrap_or(payload)
    }

    /// Payload bytes of a frame of `frame` bytes; without Ethernet padding, never more than the
    /// frame holds.
    #[inline(always)]
    #[must_use]
    pub fn payload_in(&self, frame: u32) -> u32 {
        let room = frame.saturating_sub(self.payload);
        if self.payload_len < room {
            self.payload_len
        } else {
            room
        }
    }
}

/// Why a frame gives no [`Packet`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// A read went past the bytes at hand. In the kernel the caller reads again with the helper
    /// that crosses fragments; then it is [`Reason::Malformed`].
    Short,
    /// Counted under this reason.
    Reason(Reason),
}

/// IPv4 behind a link header.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// IPv6 behind a link header.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
impl Refusal {
    /// What the frame is counted under when no more of its bytes can be had.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Short => Reason::Malformed,
            Self::Reason(reason) => reason,
        }
    }
}

/// IPv6 extension header numbers (RFC 8200, section 4; RFC 4302; RFC 6275; RFC 7401; RFC 5533).
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const HIP: u8 = 139;
    pub(super) const SHIM6: u8 = 140;
}
/// Largest offset that a header can start at: the verifier needs a cap, and 8 extension headers
/// of 2,048 bytes would pass it only in an attack.
const MAX_OFFSET: usize = 2048;

const MALFORMED: Refusal = Refusal::Reason(Reason::Malformed);

/// A block once for each turn, written out: kernels before 6.3 refuse loops of a shape that the
/// compiler is free to choose (`push_insn` in kernel/bpf/verifier.c: "back-edge").
macro_rules! turns {
    ($body:block; $($turn:literal)+) => { $( { const _: usize = $turn; $body } )+ };
}

/// Reads a frame's headers.
///
/// # Errors
/// As [`parse_into`].
pub fn parse<B: Bytes + ?Sized>(bytes: &B, link: Link) -> Result<Packet, Refusal> {
    let mut packet = Packet::default();
    parse_into(bytes, link, &mut packet)?;
    Ok(packet)
}

/// Reads a frame's headers into `packet`, whatever it held before; it is half filled after an
/// error. The kernel calls it so: a `Result` with a packet inside leaves registers undefined that
/// the verifier sees read.
///
/// # Errors
/// [`Refusal::Short`] where bytes are missing, else the [`Reason`] the packet is counted under.
#[inline(always)]
pub fn parse_into<B: Bytes + ?Sized>(
    bytes: &B,
    link: Link,
    packet: &mut Packet,
) -> Result<(), Refusal> {
    packet.jumbo_header = false;
    packet.payload = 0;
    let (ethertype, offset) = match link {
        Link::Ethernet => ethernet(bytes)?,
        Link::Ip => (version_of(bytes)?, 0),
    };
    match ethertype {
        ETHERTYPE_IPV4 => ipv4(bytes, offset, packet),
        ETHERTYPE_IPV6 => ipv6(bytes, offset, packet),
        _ => Err(Refusal::Reason(Reason::NotIp)),
    }
}

/// The ethertype that the first byte of an IP packet stands for, or 0.
#[inline(always)]
fn version_of<B: Bytes + ?Sized>(bytes: &B) -> Result<u16, Refusal> {
    // The first byte tells, but a check for one byte at offset 0 becomes a comparison of half
    // registers, which the kernel's verifier does not take for a check. No IP packet is so short.
    let [first, _] = bytes.read::<2>(0).ok_or(Refusal::Short)?;
    Ok(match first >> 4 {
        4 => ETHERTYPE_IPV4,
        6 => ETHERTYPE_IPV6,
        _ => 0,
    })
}

/// Ethertype behind all tags, and where its payload starts.
#[inline(always)]
fn ethernet<B: Bytes + ?Sized>(bytes: &B) -> Result<(u16, usize), Refusal> {
    let mut ethertype = u16::from_be_bytes(bytes.read(12).ok_or(Refusal::Short)?);
    let mut offset = 14;
    turns!({
        if is_tag(ethertype) {
            ethertype = u16::from_be_bytes(bytes.read(offset + 2).ok_or(Refusal::Short)?);
            offset += 4;
        }
    }; 1 2 3 4);
    if is_tag(ethertype) {
        return Err(MALFORMED);
    }
    Ok((ethertype, offset))
}

/// 802.1Q, 802.1ad and the older number for stacked tags.
#[inline(always)]
#[must_use]
pub fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, 0x8100 | 0x88a8 | 0x9100)
}

#[inline(always)]
fn ipv4<B: Bytes + ?Sized>(bytes: &B, start: usize, packet: &mut Packet) -> Result<(), Refusal> {
    let header: [u8; 20] = bytes.read(start).ok_or(Refusal::Short)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total = u32::from(u16::from_be_bytes([header[2], header[3]]));
    let fragment = u16::from_be_bytes([header[6], header[7]]);
    if header[0] >> 4 != 4 || header_len < 20 {
        return Err(MALFORMED);
    }
    // Length 0: a buffer above 64 KiB (BIG TCP), never on the wire.
    if total != 0 && (total as usize) < header_len {
        return Err(MALFORMED);
    }
    if fragment & 0x1fff != 0 {
        return Err(Refusal::Reason(Reason::LaterFragment));
    }
    packet.source = Address::v4([header[12], header[13], header[14], header[15]]);
    packet.destination = Address::v4([header[16], header[17], header[18], header[19]]);
    packet.protocol = header[9];
    packet.version = 4;
    packet.payload_len = if total == 0 {
        u32::MAX
    } else {
        total - header_len as u32
    };
    transport(bytes, start + header_len, packet)
}

#[inline(always)]
fn ipv6<B: Bytes + ?Sized>(bytes: &B, start: usize, packet: &mut Packet) -> Result<(), Refusal> {
    let header: [u8; 8] = bytes.read(start).ok_or(Refusal::Short)?;
    let source: [u8; 16] = bytes.read(start + 8).ok_or(Refusal::Short)?;
    let destination: [u8; 16] = bytes.read(start + 24).ok_or(Refusal::Short)?;
    if header[0] >> 4 != 6 {
        return Err(MALFORMED);
    }
    let length = u32::from(u16::from_be_bytes([header[4], header[5]]));
    packet.source = Address::v6(source);
    packet.destination = Address::v6(destination);
    packet.protocol = header[6];
    packet.version = 6;
    packet.payload_len = if length == 0 { u32::MAX } else { length };
    let mut offset = start + 40;
    if B::HURRIED && is_extension(packet.protocol) {
        return Err(Refusal::Short);
    }
    turns!({
        if is_extension(packet.protocol) {
            offset = behind_extension(bytes, offset, packet)?;
        }
    }; 1 2 3 4 5 6 7 8);
    if is_extension(packet.protocol) {
        return Err(MALFORMED);
    }
    transport(bytes, offset, packet)
}

#[inline(always)]
fn is_extension(number: u8) -> bool {
    matches!(
        number,
        extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::FRAGMENT
            | extension::AUTHENTICATION
            | extension::DESTINATION
            | extension::MOBILITY
            | extension::HIP
            | extension::SHIM6
    )
}

/// Offset behind the extension header at `offset`, whose bytes are no payload.
#[inline(always)]
fn behind_extension<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    packet: &mut Packet,
) -> Result<usize, Refusal> {
    if offset > MAX_OFFSET {
        return Err(MALFORMED);
    }
    let step = skip_extension(bytes, offset, packet)?;
    if packet.payload_len != u32::MAX {
        if packet.payload_len < step as u32 {
            return Err(MALFORMED);
        }
        packet.payload_len -= step as u32;
    }
    Ok(bytes.forget(offset + step))
}

/// Bytes of the extension header at `offset`; puts the next header's number into `packet`.
#[inline(always)]
fn skip_extension<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    packet: &mut Packet,
) -> Result<usize, Refusal> {
    let header: [u8; 8] = bytes.read(offset).ok_or(Refusal::Short)?;
    let units = usize::from(header[1]);
    let step = match packet.protocol {
        extension::FRAGMENT => {
            if u16::from_be_bytes([header[2], header[3]]) & 0xfff8 != 0 {
                return Err(Refusal::Reason(Reason::LaterFragment));
            }
            8
        }
        // RFC 4302, section 2.2: in words of 4 bytes, minus 2.
        extension::AUTHENTICATION => (units + 2) * 4,
        extension::HOP_BY_HOP => {
            // RFC 2675: option 0xc2 of 4 bytes, alone, as the kernel writes it for BIG TCP.
            // Behind another length than 0 it is the sender's own, and its bytes are on the wire.
            packet.jumbo_header |=
                packet.payload_len == u32::MAX && units == 0 && header[2] == 0xc2 && header[3] == 4;
            (units + 1) * 8
        }
        _ => (units + 1) * 8,
    };
    packet.protocol = header[0];
    Ok(step)
}

#[inline(always)]
fn transport<B: Bytes + ?Sized>(
    bytes: &B,
    offset: usize,
    packet: &mut Packet,
) -> Result<(), Refusal> {
    if offset > MAX_OFFSET + 2048 {
        return Err(MALFORMED);
    }
    let mut header_len = 0;
    let (mut ports, mut sequence, mut flags) = ([0; 4], 0, 0);
    match packet.protocol {
        protocol::TCP => {
            let header: [u8; 16] = bytes.read(offset).ok_or(Refusal::Short)?;
            ports = [header[0], header[1], header[2], header[3]];
            sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
            flags = header[13];
            header_len = u32::from(header[12] >> 4) * 4;
            if header_len < 20 || header_len > packet.payload_len {
                return Err(MALFORMED);
            }
        }
        protocol::UDP => {
            ports = bytes.read(offset).ok_or(Refusal::Short)?;
            // The rest of the header, unread, must be there.
            let _: [u8; 4] = bytes.read(offset + 4).ok_or(Refusal::Short)?;
            header_len = 8;
            if header_len > packet.payload_len {
                return Err(MALFORMED);
            }
        }
        protocol::SCTP => ports = bytes.read(offset).ok_or(Refusal::Short)?,
        _ => {}
    }
    packet.source_port = u16::from_be_bytes([ports[0], ports[1]]);
    packet.destination_port = u16::from_be_bytes([ports[2], ports[3]]);
    packet.sequence = sequence;
    packet.tcp_flags = flags;
    packet.payload = offset as u32 + header_len;
    if packet.payload_len != u32::MAX {
        packet.payload_len -= header_len;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
