//! The flow key: two endpoints in a fixed order, transport and IP version (RFC 7011, section 2,
//! biflow form of RFC 5103).

#[cfg(feature = "std")]
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use core::fmt;

/// An IP address in two words as it lies in the packet (network byte order, read natively).
///
/// IPv4 is kept in the last four bytes, the other twelve zero; the version stands in the key.
/// The type has no `Display` and no `Serialize`, and its `Debug` hides the value: an address
/// never reaches a file or a log.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Address {
    high: u64,
    low: u64,
}

impl Address {
    /// From the four bytes of an IPv4 header field.
    #[inline(always)]
    #[must_use]
    pub fn v4(bytes: [u8; 4]) -> Self {
        let word = u64::from(u32::from_ne_bytes(bytes));
        let low = if cfg!(target_endian = "little") {
            word << 32
        } else {
            word
        };
        Self { high: 0, low }
    }

    /// From the sixteen bytes of an IPv6 header field.
    #[inline(always)]
    #[must_use]
    pub fn v6(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self {
            high: u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            low: u64::from_ne_bytes([i, j, k, l, m, n, o, p]),
        }
    }

    /// The sixteen bytes in network order; for look-ups, never for output.
    #[must_use]
    pub fn octets(&self) -> [u8; 16] {
        let mut out = [0; 16];
        out[..8].copy_from_slice(&self.high.to_ne_bytes());
        out[8..].copy_from_slice(&self.low.to_ne_bytes());
        out
    }

    #[inline(always)]
    fn after(&self, other: &Self) -> bool {
        self.high > other.high || (self.high == other.high && self.low > other.low)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[scrubbed]")
    }
}

/// Which of the key's two endpoints sent something: 0 or 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Side {
    /// The endpoint that sorts first.
    #[default]
    First = 0,
    /// The endpoint that sorts second.
    Second = 1,
}

impl Side {
    /// The other endpoint.
    #[inline(always)]
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Side::First => Side::Second,
            Side::Second => Side::First,
        }
    }

    /// Index into per-direction arrays.
    #[inline(always)]
    #[must_use]
    pub fn index(self) -> usize {
        // The mask says to the compiler what the type says to us: no bound is to be checked.
        self as usize & 1
    }

    /// From a stored number; anything but 0 is the second.
    #[inline(always)]
    #[must_use]
    pub fn from_number(number: u8) -> Self {
        if number == 0 {
            Side::First
        } else {
            Side::Second
        }
    }
}

/// Both directions of a conversation: endpoints in a fixed order, transport, IP version.
///
/// Layout: 40 bytes, no implicit padding (the kernel hashes all of them). `Debug` hides the
/// endpoints: one of the ports is a client's.
#[repr(C)]
#[cfg_attr(feature = "std", derive(FromBytes, Immutable, IntoBytes, KnownLayout))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlowKey {
    /// Addresses of the two endpoints.
    pub address: [Address; 2],
    /// Transport ports, host byte order; 0 for transports without ports.
    pub port: [u16; 2],
    /// IP protocol number (IANA).
    pub protocol: u8,
    /// 4 or 6.
    pub version: u8,
    /// Always zero.
    pub reserved: [u8; 2],
}

const _: () = assert!(size_of::<FlowKey>() == 40);

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowKey")
            .field("protocol", &self.protocol)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl FlowKey {
    /// The key of a packet, and which endpoint sent it.
    #[inline(always)]
    #[must_use]
    pub fn of(packet: &crate::packet::Packet) -> (Self, Side) {
        let swapped = packet.source.after(&packet.destination)
            || (packet.source == packet.destination
                && packet.source_port > packet.destination_port);
        let (address, port, side) = if swapped {
            (
                [packet.destination, packet.source],
                [packet.destination_port, packet.source_port],
                Side::Second,
            )
        } else {
            (
                [packet.source, packet.destination],
                [packet.source_port, packet.destination_port],
                Side::First,
            )
        };
        let key = Self {
            address,
            port,
            protocol: packet.protocol,
            version: packet.version,
            reserved: [0; 2],
        };
        (key, side)
    }

    /// True for IPv6.
    #[must_use]
    pub fn is_v6(&self) -> bool {
        self.version == 6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;

    fn packet(source: [u8; 4], source_port: u16, destination: [u8; 4], port: u16) -> Packet {
        Packet {
            source: Address::v4(source),
            destination: Address::v4(destination),
            source_port,
            destination_port: port,
            protocol: 6,
            version: 4,
            ..Packet::default()
        }
    }

    #[test]
    fn both_directions_of_a_conversation_have_one_key() {
        let (there, from) = FlowKey::of(&packet([10, 0, 0, 2], 40000, [10, 0, 0, 1], 443));
        let (back, to) = FlowKey::of(&packet([10, 0, 0, 1], 443, [10, 0, 0, 2], 40000));
        assert_eq!(there, back);
        assert_eq!(from, to.other());
    }

    #[test]
    fn ports_order_the_endpoints_when_the_addresses_are_equal() {
        let (there, from) = FlowKey::of(&packet([127, 0, 0, 1], 9, [127, 0, 0, 1], 7));
        let (back, to) = FlowKey::of(&packet([127, 0, 0, 1], 7, [127, 0, 0, 1], 9));
        assert_eq!(there, back);
        assert_eq!((from, to), (Side::Second, Side::First));
    }

    #[test]
    fn an_address_prints_nothing_of_itself() {
        let shown = format!("{:?}", Address::v4([192, 0, 2, 7]));
        assert_eq!(shown, "[scrubbed]");
    }

    #[test]
    fn a_key_prints_no_port() {
        let (key, _) = FlowKey::of(&packet([192, 0, 2, 7], 40000, [192, 0, 2, 1], 443));
        let shown = format!("{key:?}");
        assert!(
            !shown.contains("40000") && !shown.contains("443"),
            "{shown}"
        );
    }

    #[test]
    fn an_address_gives_its_octets_back_in_network_order() {
        let mut expected = [0; 16];
        expected[12..].copy_from_slice(&[192, 0, 2, 7]);
        assert_eq!(Address::v4([192, 0, 2, 7]).octets(), expected);
        let v6 = core::array::from_fn(|i| i as u8);
        assert_eq!(Address::v6(v6).octets(), v6);
    }
}
