//! Addresses that are at no place, whatever country data says of them: the IANA special-purpose
//! registries (RFC 6890 and its updates), multicast, and IPv6 outside global unicast. An IPv6 address
//! that carries an IPv4 address is where that one is.

use collector_common::key::Address;

/// IPv4: address and prefix length.
const V4: [(u32, u32); 15] = [
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private use
    (0x6440_0000, 10), // shared (carrier NAT)
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16), // link local
    (0xac10_0000, 12), // private use
    (0xc000_0000, 24), // IETF protocol assignments
    (0xc000_0200, 24), // documentation
    (0xc058_6300, 24), // 6to4 relays, deprecated
    (0xc0a8_0000, 16), // private use
    (0xc612_0000, 15), // benchmarking
    (0xc633_6400, 24), // documentation
    (0xcb00_7100, 24), // documentation
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved, broadcast
];

/// IPv6 within global unicast (2000::/3): address and prefix length.
const V6: [(u128, u32); 3] = [
    (0x2001_0000 << 96, 23), // IETF protocol assignments, Teredo among them
    (0x2001_0db8 << 96, 32), // documentation
    (0x3fff_0000 << 96, 20), // documentation
];

/// First three bits of global unicast (RFC 4291, section 2.4).
const GLOBAL_UNICAST: u128 = 0b001;

/// IPv6 prefixes in which an IPv4 address follows: address, length, and how far right of it the
/// address ends.
const CARRIERS: [(u128, u32, u32); 3] = [
    (0xffff << 32, 96, 0),       // IPv4-mapped (RFC 4291, section 2.5.5.2)
    (0x0064_ff9b << 96, 96, 0),  // translated (RFC 6052, section 2.1)
    (0x2002_0000 << 96, 16, 80), // 6to4 (RFC 3056, section 2)
];

/// An address that is at some place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Routed {
    /// Of IPv4, or an IPv6 address that carries one.
    V4(u32),
    /// Of IPv6.
    V6(u128),
}

impl Routed {
    /// `None` for private and reserved addresses of IP `version` 4 or 6.
    pub(super) fn of(address: &Address, version: u8) -> Option<Self> {
        let number = u128::from_be_bytes(address.octets());
        if version == 4 {
            // An IPv4 address lies in the last four of the sixteen bytes.
            return Self::of_v4(number as u32);
        }
        let carrier = CARRIERS
            .iter()
            .find(|(prefix, length, _)| is_within(number, *prefix, *length));
        match carrier {
            // The cut takes the four bytes that end there.
            Some((.., right)) => Self::of_v4((number >> right) as u32),
            None => (!is_reserved_v6(number)).then_some(Self::V6(number)),
        }
    }

    fn of_v4(address: u32) -> Option<Self> {
        (!is_reserved_v4(address)).then_some(Self::V4(address))
    }
}

fn is_within(address: u128, prefix: u128, length: u32) -> bool {
    (address ^ prefix) >> (128 - length) == 0
}

fn is_reserved_v4(address: u32) -> bool {
    V4.iter()
        .any(|(prefix, length)| (address ^ prefix) >> (32 - length) == 0)
}

fn is_reserved_v6(address: u128) -> bool {
    address >> 125 != GLOBAL_UNICAST
        || V6
            .iter()
            .any(|(prefix, length)| is_within(address, *prefix, *length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(text: &str) -> Option<Routed> {
        Routed::of(&Address::v4(text.parse::<Ipv4Addr>().unwrap().octets()), 4)
    }

    fn v6(text: &str) -> Option<Routed> {
        Routed::of(&Address::v6(text.parse::<Ipv6Addr>().unwrap().octets()), 6)
    }

    /// First and last address of each range of IANA's IPv4 registry of special-purpose addresses
    /// that is not globally reachable, and of multicast.
    #[test]
    fn special_ranges_of_ipv4_are_at_no_place_from_their_first_to_their_last_address() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "255.255.255.255"),
        ] {
            let number = |text: &str| u32::from(text.parse::<Ipv4Addr>().unwrap());
            assert!(v4(first).is_none() && v4(last).is_none(), "{first}");
            for beside in [number(first).checked_sub(1), number(last).checked_add(1)] {
                let beside = beside.map(|beside| Ipv4Addr::from(beside).to_string());
                assert!(beside.is_none_or(|beside| v4(&beside).is_some()), "{first}");
            }
        }
    }

    #[test]
    fn special_ranges_of_ipv6_and_all_outside_global_unicast_are_at_no_place() {
        for inside in [
            "::",
            "::1",
            "64:ff9b:1::1", // translation within a network
            "100::1",
            "1fff:ffff::",
            "2001::1", // Teredo
            "2001:1ff::1",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff::",
            "3fff:fff:ffff::",
            "4000::",
            "5f00::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(v6(inside).is_none(), "{inside}");
        }
        for outside in [
            "2000::",
            "2001:200::1",
            "2001:db7::",
            "2001:db9::",
            "2001:4860:4860::8888",
            "2a00::1",
            "3ffe::1",
            "3fff:1000::",
        ] {
            assert!(v6(outside).is_some(), "{outside}");
        }
    }

    #[test]
    fn an_ipv4_address_within_ipv6_is_where_it_is_without() {
        for (carrying, carried) in [
            ("::ffff:8.8.8.8", "8.8.8.8"),
            ("64:ff9b::8.8.8.8", "8.8.8.8"),
            ("2002:808:808::1", "8.8.8.8"),
            ("::ffff:10.1.2.3", "10.1.2.3"),
            ("64:ff9b::192.168.0.1", "192.168.0.1"),
            ("2002:a01:203:1::1", "10.1.2.3"),
        ] {
            assert!(v6(carrying) == v4(carried), "{carrying}");
        }
        assert!(v4("8.8.8.8") == Some(Routed::V4(0x0808_0808)));
        assert!(
            v6("64:ff9b::1:808:808").is_none(),
            "not in the last four bytes"
        );
    }
}
