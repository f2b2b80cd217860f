//! Addresses that are at no place, whatever country data says of them: the IANA special-purpose
//! registries (RFC 6890 and its updates), multicast, and IPv6 outside global unicast.

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

pub(super) fn is_reserved_v4(address: u32) -> bool {
    V4.iter()
        .any(|(prefix, length)| (address ^ prefix) >> (32 - length) == 0)
}

pub(super) fn is_reserved_v6(address: u128) -> bool {
    address >> 125 != GLOBAL_UNICAST
        || V6
            .iter()
            .any(|(prefix, length)| (address ^ prefix) >> (128 - length) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(text: &str) -> bool {
        is_reserved_v4(text.parse::<Ipv4Addr>().unwrap().into())
    }

    fn v6(text: &str) -> bool {
        is_reserved_v6(text.parse::<Ipv6Addr>().unwrap().into())
    }

    #[test]
    fn private_and_documentation_ranges_are_reserved_to_their_last_address() {
        for inside in [
            "10.255.255.255",
            "172.31.255.255",
            "192.168.0.0",
            "100.127.0.1",
        ] {
            assert!(v4(inside), "{inside}");
        }
        for inside in [
            "192.0.2.1",
            "198.51.100.9",
            "203.0.113.255",
            "255.255.255.255",
        ] {
            assert!(v4(inside), "{inside}");
        }
        for outside in [
            "11.0.0.0",
            "172.32.0.0",
            "100.128.0.0",
            "192.169.0.0",
            "8.8.8.8",
        ] {
            assert!(!v4(outside), "{outside}");
        }
    }

    #[test]
    fn ipv6_outside_global_unicast_is_reserved() {
        for inside in [
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(v6(inside), "{inside}");
        }
        for outside in ["2001:4860:4860::8888", "2a00::1", "2001:200::1"] {
            assert!(!v6(outside), "{outside}");
        }
    }
}
