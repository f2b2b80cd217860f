//! Autonomous systems of addresses, from a database in MaxMind's format (MaxMind DB file format
//! specification, version 2.0): `GeoLite2-ASN`, or one whose records say `asn`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use collector_common::key::Address;
use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

use super::reserved::{is_reserved_v4, is_reserved_v6};

/// Whose networks addresses belong to.
#[derive(Debug, Default)]
pub struct Systems {
    database: Option<Reader<Vec<u8>>>,
}

/// A database's record, as far as it is read.
#[derive(Deserialize)]
struct Entry {
    autonomous_system_number: Option<u32>,
    asn: Option<Number>,
}

/// `15169` or `AS15169`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u32),
    Text(String),
}

impl Systems {
    /// Without data: no address belongs to a system.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the database at `path` into memory and checks all of it.
    ///
    /// # Errors
    /// A missing, unreadable or damaged file, or one of something else.
    pub fn read(path: &Path) -> Result<Self, MaxMindDbError> {
        Self::checked(Reader::open_readfile(path)?)
    }

    fn checked(database: Reader<Vec<u8>>) -> Result<Self, MaxMindDbError> {
        database.verify()?;
        let named = database
            .networks(WithinOptions::default())?
            .any(|network| network.is_ok_and(|network| number(&network).is_some()));
        if !named {
            let reason = "no record names an autonomous system";
            return Err(MaxMindDbError::invalid_database(reason));
        }
        Ok(Self {
            database: Some(database),
        })
    }

    /// The system of an address of IP `version` 4 or 6; private and reserved ones have none.
    #[must_use]
    pub fn lookup(&self, address: &Address, version: u8) -> Option<u32> {
        let database = self.database.as_ref()?;
        let address = public(address, version)?;
        number(&database.lookup(address).ok()?)
    }
}

fn number(found: &LookupResult<'_, Vec<u8>>) -> Option<u32> {
    let entry: Entry = found.decode().ok()??;
    let number = entry.autonomous_system_number;
    number.or_else(|| entry.asn?.value())
}

impl Number {
    fn value(self) -> Option<u32> {
        match self {
            Self::Plain(number) => Some(number),
            Self::Text(text) => text.strip_prefix("AS")?.parse().ok(),
        }
    }
}

fn public(address: &Address, version: u8) -> Option<IpAddr> {
    let number = u128::from_be_bytes(address.octets());
    if version == 4 {
        // An IPv4 address lies in the last four of the sixteen bytes.
        let number = number as u32;
        return (!is_reserved_v4(number)).then(|| Ipv4Addr::from(number).into());
    }
    (!is_reserved_v6(number)).then(|| Ipv6Addr::from(number).into())
}

/// Databases for tests.
#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    /// One in which every IPv4 address has the record `field: value`; `value` as the format codes
    /// it.
    pub(crate) fn database(field: &str, value: &[u8]) -> Vec<u8> {
        // A search tree of one node; both sides lead to the record behind the separator.
        let mut file = [[0, 0, 17], [0, 0, 17]].concat();
        file.extend([0; 16]);
        file.push(0xe1);
        file.extend(text(field));
        file.extend(value);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(metadata());
        file
    }

    fn metadata() -> Vec<u8> {
        let mut map = vec![0xe9];
        for (name, value) in [
            ("binary_format_major_version", vec![0xa1, 2]),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("database_type", text("Test")),
            (
                "description",
                [vec![0xe1], text("en"), text("Test")].concat(),
            ),
            ("ip_version", vec![0xa1, 4]),
            ("languages", vec![0x00, 0x04]),
            ("node_count", vec![0xc1, 1]),
            ("record_size", vec![0xa1, 24]),
        ] {
            map.extend(text(name));
            map.extend(value);
        }
        map
    }

    pub(crate) fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 29);
        [&[0x40 | length], text.as_bytes()].concat()
    }

    /// Every IPv4 address is Telegram's.
    pub(crate) fn telegram() -> Systems {
        let file = database("autonomous_system_number", &[0xc2, 0xf2, 0x59]);
        Systems::checked(Reader::from_source(file).unwrap()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{fixtures::*, *};
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Systems, MaxMindDbError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Systems::read(file.path())
    }

    fn lookup(systems: &Systems, bytes: [u8; 4]) -> Option<u32> {
        systems.lookup(&Address::v4(bytes), 4)
    }

    #[test]
    fn a_number_is_read_in_either_shape() {
        let number = [0xc2, 0xf2, 0x59];
        for file in [
            database("autonomous_system_number", &number),
            database("asn", &number),
            database("asn", &text("AS62041")),
        ] {
            assert_eq!(lookup(&read(&file).unwrap(), [8, 8, 8, 8]), Some(62_041));
        }
        for file in [database("country", &number), database("asn", &text("none"))] {
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains("no record names"), "{error}");
        }
    }

    #[test]
    fn private_addresses_belong_to_no_system_and_without_data_none_does() {
        let systems = telegram();
        assert_eq!(lookup(&systems, [10, 1, 2, 3]), None);
        assert_eq!(systems.lookup(&Address::v6([0xfe; 16]), 6), None);
        // A database of IPv4 alone.
        assert_eq!(systems.lookup(&Address::v6([0x20; 16]), 6), None);
        assert_eq!(lookup(&Systems::none(), [8, 8, 8, 8]), None);
    }

    #[test]
    fn a_damaged_database_is_refused_and_never_a_panic() {
        let whole = database("autonomous_system_number", &[0xc2, 0xf2, 0x59]);
        for end in 0..whole.len() {
            assert!(read(whole.get(..end).unwrap()).is_err(), "cut at {end}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0xff;
            if let Ok(systems) = read(&changed) {
                lookup(&systems, [8, 8, 8, 8]);
            }
        }
        assert!(Systems::read(Path::new("/nonexistent/asn.mmdb")).is_err());
    }
}
