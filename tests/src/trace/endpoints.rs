//! Who talks to whom. Documentation and benchmark addresses only (RFC 2544, RFC 3849, RFC 5737).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::dice::Dice;
use crate::frames::Path;

/// The relay whose interface is captured.
pub const RELAY: (Ipv4Addr, Ipv6Addr) = (
    Ipv4Addr::new(203, 0, 113, 9),
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9),
);
/// Of its interface.
pub const RELAY_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const GATEWAY_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
/// 198.18.0.0/15 without its first and last address.
const HOSTS: usize = (1 << 17) - 2;
/// Ports that a system takes for its own end.
const FIRST_PORT: u16 = 1024;

/// Hands out pairs of far host and opener's port, none twice before 8,000 million.
pub(super) struct Endpoints {
    ports: Vec<u16>,
    given: usize,
    offset: usize,
}

/// One pair.
#[derive(Clone, Copy)]
pub(super) struct Far {
    /// 0 to [`HOSTS`] - 1.
    host: usize,
    /// The opener's port.
    pub(super) port: u16,
}

impl Endpoints {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let mut ports: Vec<u16> = (FIRST_PORT..=u16::MAX).collect();
        dice.shuffle(&mut ports);
        let offset = dice.below(HOSTS);
        Self {
            ports,
            given: 0,
            offset,
        }
    }

    /// Each port once in shuffled order, then again with another host.
    pub(super) fn next(&mut self) -> Far {
        // Odd and no multiple of HOSTS' factors: hosts of one port differ until all were used.
        const STRIDE: usize = 75_773;
        let (round, place) = (self.given / self.ports.len(), self.given % self.ports.len());
        self.given += 1;
        let port = self.ports[place];
        // Spreads the hosts of one round.
        let spread = usize::from(port) * 52_711;
        Far {
            host: (self.offset + spread + round * STRIDE) % HOSTS,
            port,
        }
    }
}

impl Far {
    fn address(self, v6: bool) -> IpAddr {
        let number = u32::try_from(self.host + 1).expect("17 bits");
        if v6 {
            let [_, high, middle, low] = number.to_be_bytes().map(u16::from);
            Ipv6Addr::new(0x2001, 0xdb8, high << 8 | middle, low, 0, 0, 0, 0x10).into()
        } else {
            Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + number).into()
        }
    }

    /// From the relay to the far host.
    pub(super) fn outbound(self, v6: bool, port: u16) -> Path {
        Path {
            macs: (RELAY_MAC, GATEWAY_MAC),
            addresses: (relay(v6), self.address(v6)),
            ports: (self.port, port),
        }
    }

    /// From the far host to the relay.
    pub(super) fn inbound(self, v6: bool, port: u16) -> Path {
        Path {
            macs: (GATEWAY_MAC, RELAY_MAC),
            addresses: (self.address(v6), relay(v6)),
            ports: (self.port, port),
        }
    }
}

fn relay(v6: bool) -> IpAddr {
    if v6 { RELAY.1.into() } else { RELAY.0.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_pair_of_host_and_port_is_given_twice() {
        let mut endpoints = Endpoints::new(&mut Dice::new(1));
        let mut seen = HashSet::new();
        for _ in 0..300_000 {
            let far = endpoints.next();
            assert!(seen.insert((far.host, far.port)));
        }
    }

    #[test]
    fn no_two_hosts_share_an_address() {
        for v6 in [false, true] {
            let all: HashSet<IpAddr> = (0..HOSTS)
                .map(|host| Far { host, port: 1 }.address(v6))
                .collect();
            assert_eq!(all.len(), HOSTS);
        }
    }
}
