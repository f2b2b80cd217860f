//! An address with its IP version, and with a port: what flows are looked up by.

use std::{fmt, net::IpAddr};

use collector_common::{
    flow::Flow,
    key::{Address, Side},
};

/// An IPv4 or IPv6 address. It can't be shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ip {
    address: Address,
    version: u8,
}

impl Ip {
    /// An address of IP `version` 4 or 6.
    #[must_use]
    pub fn new(address: Address, version: u8) -> Self {
        Self { address, version }
    }

    /// 4 or 6.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Without its version.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl From<IpAddr> for Ip {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::new(Address::v4(address.octets()), 4),
            IpAddr::V6(address) => Self::new(Address::v6(address.octets()), 6),
        }
    }
}

impl fmt::Debug for Ip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// One end of a flow. It can't be shown: a port may be a client's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where.
    pub ip: Ip,
    /// 0 for transports without ports.
    pub port: u16,
}

impl Endpoint {
    /// The end of `flow` on this side.
    #[must_use]
    pub fn of(flow: &Flow, side: Side) -> Self {
        let index = side.index();
        Self {
            ip: Ip::new(flow.key.address[index], flow.key.version),
            port: flow.key.port[index],
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[endpoint]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_shows_nothing_of_itself() {
        let ip = Ip::from("192.0.2.7".parse::<IpAddr>().unwrap());
        let shown = format!("{ip:?} {:?}", Endpoint { ip, port: 443 });
        assert!(!shown.contains("192") && !shown.contains("443"), "{shown}");
    }

    #[test]
    fn an_ipv4_address_is_not_the_ipv6_address_of_the_same_bytes() {
        let v4 = Ip::from("0.0.0.1".parse::<IpAddr>().unwrap());
        let v6 = Ip::from("::1".parse::<IpAddr>().unwrap());
        assert_ne!(v4, v6);
    }
}
