//! Relays of the network, as tor caches them: a consensus of either flavour (dir-spec, sections on
//! the network-status document and on router status entries).

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use hashbrown::HashMap;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::file::{self, FileError};
use crate::locate::ip::Endpoint;

/// Longest file that is read, bytes: four times the public network's.
const MAX_FILE: u64 = 16 << 20;
/// Most relays, ten times the public network's.
const MAX_RELAYS: u32 = 100_000;

/// What a relay is spoken to for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Circuits.
    Or,
    /// The directory, over HTTP.
    Dir,
}

/// Where the network's relays and authorities are spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consensus {
    services: HashMap<Endpoint, Service>,
    relays: u32,
    /// Since when it holds.
    pub valid_after: Option<Timestamp>,
    /// From then on there is a newer one.
    pub valid_until: Option<Timestamp>,
}

impl Consensus {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// It can't be read, is longer than 16 MiB, has a bad line, or no relay.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = file::read(path, MAX_FILE, "longer than 16 MiB, which no consensus is")?;
        Self::parse(&bytes, path)
    }

    fn parse(bytes: &[u8], path: &Path) -> Result<Self, FileError> {
        let mut consensus = Self::default();
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let wrong = |reason| FileError::line(path, number, reason);
            consensus.line(line.trim_ascii_end()).map_err(wrong)?;
        }
        if consensus.services.is_empty() {
            let reason = "names no relay; tor's cached-consensus or cached-microdesc-consensus is \
                          meant";
            return Err(FileError::whole(path, reason));
        }
        Ok(consensus)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let (keyword, rest) = line.split_at_checked(2).unwrap_or((line, b""));
        match keyword {
            b"r " => self.relay(rest),
            b"a " => self.further_address(rest),
            _ => self.head(line),
        }
    }

    /// Lines before and after the relays; few.
    fn head(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if let Some(authority) = line.strip_prefix(b"dir-source ") {
            // Behind the address stands the directory's port first, other than in a relay's line.
            let [or_port, dir_port, ip] =
                last_words(authority).ok_or("too short for dir-source")?;
            return self.add(ip, or_port, dir_port);
        }
        if let Some(time) = line.strip_prefix(b"valid-after ") {
            self.valid_after = Some(moment(time)?);
        } else if let Some(time) = line.strip_prefix(b"valid-until ") {
            self.valid_until = Some(moment(time)?);
        }
        Ok(())
    }

    fn relay(&mut self, line: &[u8]) -> Result<(), &'static str> {
        self.relays += 1;
        if self.relays > MAX_RELAYS {
            return Err("more than 100000 relays, which no network has");
        }
        let [dir_port, or_port, ip] = last_words(line).ok_or("too short for a relay")?;
        self.add(ip, or_port, dir_port)
    }

    fn add(&mut self, ip: &str, or_port: &str, dir_port: &str) -> Result<(), &'static str> {
        let ip: Ipv4Addr = ip
            .parse()
            .map_err(|_| "no IPv4 address third from the end")?;
        for (port, service) in [(or_port, Service::Or), (dir_port, Service::Dir)] {
            let port = port.parse().map_err(|_| "no port at the end or before")?;
            self.serve(SocketAddr::new(ip.into(), port), service);
        }
        Ok(())
    }

    fn further_address(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let text = str::from_utf8(line).ok().and_then(|text| text.parse().ok());
        self.serve(text.ok_or("not an address with a port")?, Service::Or);
        Ok(())
    }

    /// Port 0 stands for none.
    fn serve(&mut self, at: SocketAddr, service: Service) {
        let (ip, port) = (at.ip().into(), at.port());
        if port != 0 {
            self.services
                .entry(Endpoint { ip, port })
                .or_insert(service);
        }
    }

    /// What is served at this end, if it is one of the network.
    #[must_use]
    pub fn service(&self, end: &Endpoint) -> Option<Service> {
        self.services.get(end).copied()
    }

    /// How many relays it lists.
    #[must_use]
    pub fn relays(&self) -> u32 {
        self.relays
    }
}

/// The last three words, the last one first.
fn last_words(line: &[u8]) -> Option<[&str; 3]> {
    let mut words = str::from_utf8(line).ok()?.rsplit(' ');
    Some([words.next()?, words.next()?, words.next()?])
}

/// As in `2026-11-22 15:00:00`, UTC.
fn moment(text: &[u8]) -> Result<Timestamp, &'static str> {
    let text = str::from_utf8(text).ok();
    let time = text.and_then(|text| DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok());
    let moment = time.and_then(|time| time.to_zoned(TimeZone::UTC).ok());
    Ok(moment
        .ok_or("not a time, as in 2026-11-22 15:00:00")?
        .timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "network-status-version 3\nvote-status consensus\nconsensus-method 33\n\
        valid-after 2026-11-22 15:00:00\nfresh-until 2026-11-22 16:00:00\n\
        valid-until 2026-11-22 18:00:00\nvoting-delay 300 300\n\
        dir-source auth 27102BC123E7AF1D4741AE047E160C91ADC76B21 auth.example 192.0.2.11 7000 9001\n\
        contact somebody\nvote-digest 49015F787433103580E3B66A1707A00E60F2D15B\n\
        r middle AAAAAAAAAAAAAAAAAAAAAAAAAAA BBBBBBBBBBBBBBBBBBBBBBBBBBB 2038-01-01 00:00:00 \
        192.0.2.21 9001 9030\n\
        a [2001:db8:a::21]:9002\ns Fast Running Valid\nv Tor 0.4.8.9\nw Bandwidth=1\n\
        p reject 1-65535\ndirectory-footer\nbandwidth-weights Wbd=0\n";
    const MICRODESC: &str = "network-status-version 3 microdesc\n\
        r middle AAAAAAAAAAAAAAAAAAAAAAAAAAA 2038-01-01 00:00:00 192.0.2.21 9001 0\nm abc\n";

    fn parse(text: &str) -> Result<Consensus, String> {
        let parsed = Consensus::parse(text.as_bytes(), "cached-consensus".as_ref());
        parsed.map_err(|error| error.to_string())
    }

    fn service(consensus: &Consensus, at: &str) -> Option<Service> {
        let at: SocketAddr = at.parse().unwrap();
        let (ip, port) = (at.ip().into(), at.port());
        consensus.service(&Endpoint { ip, port })
    }

    #[test]
    fn relays_and_authorities_are_known_by_address_and_port() {
        let consensus = parse(FULL).unwrap();
        for (at, expected) in [
            ("192.0.2.11:9001", Some(Service::Or)),
            ("192.0.2.11:7000", Some(Service::Dir)),
            ("192.0.2.21:9001", Some(Service::Or)),
            ("192.0.2.21:9030", Some(Service::Dir)),
            ("[2001:db8:a::21]:9002", Some(Service::Or)),
            ("192.0.2.21:443", None),
            ("192.0.2.22:9001", None),
            ("[2001:db8:a::21]:9001", None),
        ] {
            assert_eq!(service(&consensus, at), expected, "{at}");
        }
        assert_eq!(consensus.relays(), 1);
    }

    #[test]
    fn both_flavours_end_a_relays_line_alike_and_port_0_is_none() {
        let consensus = parse(MICRODESC).unwrap();
        assert_eq!(service(&consensus, "192.0.2.21:9001"), Some(Service::Or));
        assert_eq!(service(&consensus, "192.0.2.21:0"), None);
    }

    #[test]
    fn its_times_are_utc() {
        let consensus = parse(FULL).unwrap();
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(consensus.valid_after, time("2026-11-22T15:00:00Z"));
        assert_eq!(consensus.valid_until, time("2026-11-22T18:00:00Z"));
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_not_repeated() {
        for line in [
            "r short",
            "r name id 2038-01-01 00:00:00 198.51.100.7 9001",
            "r name id 2038-01-01 00:00:00 198.51.100.7 90010 0",
            "r name id 2038-01-01 00:00:00 198.51.100.700 9001 0",
            "a 198.51.100.7",
            "dir-source a b c 198.51.100.7 x 9001",
            "valid-after yesterday",
        ] {
            let error = parse(&format!("network-status-version 3\n{line}\n")).unwrap_err();
            assert!(error.starts_with("cached-consensus:2: "), "{error}");
            assert!(!error.contains("198.51"), "{error}");
        }
    }

    #[test]
    fn what_names_no_relay_is_no_consensus() {
        for text in [
            "",
            "hello\n",
            "network-status-version 3\nvalid-after 2026-11-22 15:00:00\n",
        ] {
            assert!(parse(text).unwrap_err().contains("names no relay"));
        }
    }

    #[test]
    fn more_relays_than_any_network_has_are_refused() {
        let line = "r n i d 2038-01-01 00:00:00 192.0.2.21 9001 0\n";
        let error = parse(&line.repeat(100_001)).unwrap_err();
        assert!(
            error.contains(":100001: more than 100000 relays"),
            "{error}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Consensus::parse(&bytes, "c".as_ref());
        }

        #[test]
        fn every_relay_that_is_listed_is_known(
            relays in proptest::collection::vec((proptest::num::u32::ANY, 1_u16.., 1_u16..), 1..50),
        ) {
            let lines: String = relays
                .iter()
                .map(|(ip, or, dir)| format!("r n i 2038-01-01 00:00:00 {} {or} {dir}\n", Ipv4Addr::from(*ip)))
                .collect();
            let consensus = parse(&lines).unwrap();
            for (ip, or, dir) in relays {
                for port in [or, dir] {
                    let at = SocketAddr::new(Ipv4Addr::from(ip).into(), port);
                    proptest::prop_assert!(service(&consensus, &at.to_string()).is_some());
                }
            }
        }

        #[test]
        fn a_cut_anywhere_is_an_error_or_knows_fewer_relays(cut in 0..FULL.len()) {
            if let Ok(consensus) = parse(&FULL[..cut]) {
                proptest::prop_assert!(consensus.relays() <= 1);
            }
        }
    }
}
