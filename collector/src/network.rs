//! A network: an address with the number of its bits that count.

use std::{fmt, net::IpAddr, str::FromStr};

use anyhow::{Context, ensure};
use collector_common::{key::Address, settings::Prefix};

use crate::locate::ip::Ip;

/// An IPv4 or IPv6 network, or one address. Written `192.0.2.0/24`, `2001:db8::1`. It can't be
/// shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    version: u8,
    octets: [u8; 16],
    length: u32,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[network]")
    }
}

impl FromStr for Network {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .ok()
            .context("no IP address in front; write a prefix, as in 192.0.2.0/24")?;
        let (version, octets, bits) = octets_of(address);
        let length = match length {
            Some(length) => length
                .parse()
                .ok()
                .context("the prefix length is no number")?,
            None => bits,
        };
        ensure!(
            length <= bits,
            "a prefix of {length} bits is longer than the address"
        );
        Ok(Self {
            version,
            octets: masked(octets, 128 - bits + length),
            length,
        })
    }
}

impl Network {
    /// What the kernel's trie is keyed by: significant bits, and the prefix.
    pub(crate) fn prefix(&self) -> (u32, Prefix) {
        let prefix = Prefix {
            version: [0, 0, 0, self.version],
            octets: self.octets,
        };
        (Prefix::bits(self.version, self.length), prefix)
    }

    /// Whether the address of IP `version` is of this network.
    #[must_use]
    pub fn contains(&self, address: &Address, version: u8) -> bool {
        self.version == version && self.of(address.octets())
    }

    /// Whether each address of `other` is one of this network.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.version == other.version && self.length <= other.length && self.of(other.octets)
    }

    /// Its only address, if it has one alone.
    #[must_use]
    pub fn host(&self) -> Option<Ip> {
        let bits = if self.version == 4 { 32 } else { 128 };
        // An IPv4 address lies in the last four of the sixteen bytes.
        let address = Address::v6(self.octets);
        (self.length == bits).then(|| Ip::new(address, self.version))
    }

    fn of(&self, octets: [u8; 16]) -> bool {
        let before = if self.version == 4 { 96 } else { 0 };
        masked(octets, before + self.length) == self.octets
    }
}

fn octets_of(address: IpAddr) -> (u8, [u8; 16], u32) {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[12..].copy_from_slice(&address.octets());
            (4, octets, 32)
        }
        IpAddr::V6(address) => (6, address.octets(), 128),
    }
}

/// Keeps the first `bits` bits.
fn masked(octets: [u8; 16], bits: u32) -> [u8; 16] {
    let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
    (u128::from_be_bytes(octets) & mask).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_is_read_with_and_without_its_length() {
        assert_eq!(network("192.0.2.1").length, 32);
        assert_eq!(network("192.0.2.77/24").octets[12..], [192, 0, 2, 0]);
        assert_eq!(network("2001:db8::/32").length, 32);
        assert_eq!(network("0.0.0.0/0").octets, [0; 16]);
    }

    #[test]
    fn a_wrong_network_says_what_is_wrong_and_repeats_no_address() {
        for text in ["host", "192.0.2.1/33", "192.0.2.1/x", "192.0.2.1:22", ""] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(!error.contains("192.0.2.1"), "{error}");
        }
    }

    #[test]
    fn a_network_of_one_address_is_a_host() {
        let ip = |text: &str| Ip::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(network("192.0.2.7").host(), Some(ip("192.0.2.7")));
        assert_eq!(network("2001:db8::7/128").host(), Some(ip("2001:db8::7")));
        assert_eq!(network("192.0.2.0/31").host(), None);
        assert_eq!(network("2001:db8::/32").host(), None);
    }

    #[test]
    fn an_address_is_of_its_network_and_of_no_other_version_s() {
        let address = Address::v4([192, 0, 2, 7]);
        assert!(network("192.0.2.0/24").contains(&address, 4));
        assert!(!network("192.0.3.0/24").contains(&address, 4));
        assert!(!network("::/0").contains(&address, 4));
        assert!(network("192.0.2.0/24").covers(&network("192.0.2.7")));
        assert!(!network("192.0.2.7").covers(&network("192.0.2.0/24")));
    }
}
