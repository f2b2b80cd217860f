//! The forms of `ORPort` and `DirPort`: `PORT`, `ADDRESS:PORT`, `auto`, with flags behind.

use std::net::IpAddr;

use crate::locate::ip::{Endpoint, Ip};

/// A port on which the relay is spoken to, on one address or on all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// `None`: every address of the host.
    pub ip: Option<Ip>,
    /// 4 or 6 where only that IP version is served.
    pub version: Option<u8>,
    /// Never 0.
    pub port: u16,
}

impl Listener {
    /// From a torrc's value; `None` for one that names no port: `0`, `auto`, a Unix socket.
    ///
    /// A port that tor does not listen on (`NoListen`) counts: something in front hands over what
    /// comes there, perhaps on this host and behind the meter.
    ///
    /// # Errors
    /// Neither.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, &'static str> {
        let mut words = value.split_ascii_whitespace();
        let target = words.next().ok_or("a port is missing")?;
        let (host, port) = match target.rsplit_once(':') {
            Some(("unix", _)) => return Ok(None),
            Some((host, port)) => (Some(host), port),
            None => (None, target),
        };
        if target.starts_with("unix:") || port.eq_ignore_ascii_case("auto") {
            return Ok(None);
        }
        let port: u16 = port
            .parse()
            .map_err(|_| "not a port, nor an address with one")?;
        let address = host
            .and_then(literal)
            .filter(|address| !address.is_unspecified());
        let any_of = host
            .and_then(literal)
            .map(|address| if address.is_ipv4() { 4 } else { 6 });
        let only = |flag: &str| match flag {
            _ if flag.eq_ignore_ascii_case("IPv4Only") => Some(4),
            _ if flag.eq_ignore_ascii_case("IPv6Only") => Some(6),
            _ => None,
        };
        let listener = Self {
            ip: address.map(Ip::from),
            version: any_of.or_else(|| words.find_map(only)),
            port,
        };
        Ok((port != 0).then_some(listener))
    }

    /// Whether what comes to this end of the host comes to the listener.
    #[must_use]
    pub fn serves(&self, end: &Endpoint) -> bool {
        self.port == end.port
            && self.ip.is_none_or(|ip| ip == end.ip)
            && self
                .version
                .is_none_or(|version| version == end.ip.version())
    }
}

/// An address, IPv6 with or without brackets; names stand for none that is known here.
pub(super) fn literal(text: &str) -> Option<IpAddr> {
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inner.unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(text: &str) -> Option<Listener> {
        Listener::parse(text).unwrap()
    }

    fn serves(text: &str, address: &str, port: u16) -> bool {
        let ip = address.parse::<IpAddr>().unwrap().into();
        listener(text).unwrap().serves(&Endpoint { ip, port })
    }

    #[test]
    fn a_port_alone_is_served_on_every_address_of_the_versions_that_it_names() {
        for text in [
            "9001",
            "9001 NoAdvertise",
            "9001 NoListen",
            "relay.example:9001",
        ] {
            assert!(serves(text, "192.0.2.1", 9001), "{text}");
            assert!(serves(text, "2001:db8::1", 9001), "{text}");
            assert!(!serves(text, "192.0.2.1", 9002), "{text}");
        }
        assert!(serves("9001 IPv4Only", "192.0.2.1", 9001));
        assert!(!serves("9001 NoAdvertise ipv4only", "2001:db8::1", 9001));
        assert!(!serves("9001 IPv6Only", "192.0.2.1", 9001));
    }

    #[test]
    fn an_address_with_a_port_is_served_there_alone() {
        assert!(serves("192.0.2.1:9001", "192.0.2.1", 9001));
        assert!(!serves("192.0.2.1:9001", "192.0.2.2", 9001));
        assert!(serves("[2001:db8::1]:9001 IPv6Only", "2001:db8::1", 9001));
        assert!(!serves("[2001:db8::1]:9001", "2001:db8::2", 9001));
        for any in ["0.0.0.0:9001", "[::]:9001"] {
            let v4 = any.starts_with('0');
            assert_eq!(serves(any, "192.0.2.1", 9001), v4, "{any}");
            assert_eq!(serves(any, "2001:db8::1", 9001), !v4, "{any}");
        }
    }

    #[test]
    fn what_names_no_port_is_no_listener() {
        for text in [
            "0",
            "auto",
            "AUTO IPv4Only",
            "192.0.2.1:auto",
            "unix:/run/tor/or",
            "unix:/a:9001",
        ] {
            assert_eq!(listener(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_told_without_being_repeated() {
        for text in ["", "x", "192.0.2.1:", "65536", "192.0.2.1:99999", "-1"] {
            assert!(
                !Listener::parse(text).unwrap_err().contains("192"),
                "{text}"
            );
        }
    }
}
