//! Autonomous systems of addresses: from a database in MaxMind's format (`GeoLite2-ASN`, or one whose
//! records say `asn`), or from country data that names them.

use std::path::Path;

use collector_common::key::Address;
use serde::Deserialize;

use super::data::{
    DataError,
    database::{self, Database},
    ranges::Ranges,
};

/// Whose networks addresses belong to. A look-up reads two sorted columns and no file.
#[derive(Debug, Default)]
pub struct Systems {
    /// 0, which is no system (RFC 7607): none.
    ranges: Ranges<u32>,
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

    /// Reads the database at `path`.
    ///
    /// # Errors
    /// A missing, unreadable or damaged file, or one of something else.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::of(&database::read(path)?)
    }

    fn of(database: &Database) -> Result<Self, DataError> {
        let ranges = database::ranges(database, |network| {
            let entry: Option<Entry> = network.decode()?;
            Ok(entry.and_then(Entry::number).unwrap_or(0))
        })?;
        if ranges.tells(|system| system != 0) {
            Ok(Self { ranges })
        } else {
            Err(DataError::Nothing("an autonomous system"))
        }
    }

    /// The system of an address of IP `version` 4 or 6; private and reserved ones have none.
    #[must_use]
    pub fn lookup(&self, address: &Address, version: u8) -> Option<u32> {
        let system = self.ranges.find(address, version)?;
        (system != 0).then_some(system)
    }
}

impl From<Ranges<u32>> for Systems {
    fn from(ranges: Ranges<u32>) -> Self {
        Self { ranges }
    }
}

impl Entry {
    fn number(self) -> Option<u32> {
        let number = self.autonomous_system_number;
        number.or_else(|| self.asn?.value())
    }
}

impl Number {
    fn value(self) -> Option<u32> {
        match self {
            Self::Plain(number) => Some(number),
            Self::Text(text) => text.strip_prefix("AS")?.parse().ok(),
        }
    }
}

/// Databases for tests.
#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    /// One in which every IPv4 address has the record `field: value`; `value` as the format codes
    /// it.
    pub(crate) fn database(field: &str, value: &[u8]) -> Vec<u8> {
        database_of(&map(&[(field, value.to_owned())]))
    }

    /// One in which every IPv4 address has the same record.
    pub(crate) fn database_of(record: &[u8]) -> Vec<u8> {
        // A node of which both sides lead to the record behind the separator.
        with_tree(&[[17, 17]], 4, record)
    }

    /// One with a search tree of the children of each node, and the data that they lead to.
    pub(crate) fn with_tree(nodes: &[[u32; 2]], ip_version: u8, data: &[u8]) -> Vec<u8> {
        let children = nodes.as_flattened().iter();
        let mut file: Vec<u8> = children
            .flat_map(|child| child.to_be_bytes().into_iter().skip(1))
            .collect();
        file.extend([0; 16]);
        file.extend(data);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(metadata(u8::try_from(nodes.len()).unwrap(), ip_version));
        file
    }

    fn metadata(node_count: u8, ip_version: u8) -> Vec<u8> {
        map(&[
            ("binary_format_major_version", vec![0xa1, 2]),
            ("binary_format_minor_version", vec![0xa0]),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("database_type", text("Test")),
            ("description", map(&[("en", text("Test"))])),
            ("ip_version", vec![0xa1, ip_version]),
            ("languages", vec![0x00, 0x04]),
            ("node_count", vec![0xc1, node_count]),
            ("record_size", vec![0xa1, 24]),
        ])
    }

    /// A map as the format codes it.
    pub(crate) fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut map = vec![0xe0 | u8::try_from(fields.len()).unwrap()];
        for (name, value) in fields {
            map.extend(text(name));
            map.extend(value);
        }
        map
    }

    /// A text as the format codes it.
    pub(crate) fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 29);
        [&[0x40 | length], text.as_bytes()].concat()
    }

    /// Every IPv4 address is Telegram's.
    pub(crate) fn telegram() -> Systems {
        let file = database("autonomous_system_number", &[0xc2, 0xf2, 0x59]);
        Systems::of(&database::checked(file).unwrap()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{fixtures::*, *};
    use std::io::Write;

    fn read(bytes: &[u8]) -> Result<Systems, DataError> {
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
            assert!(error.contains("names an autonomous"), "{error}");
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
    fn a_database_without_a_description_is_read() {
        let mut file = database("asn", &[0xc1, 7]);
        let name = b"description";
        let place = file
            .windows(name.len())
            .position(|bytes| bytes == name)
            .unwrap();
        let place = place + name.len();
        file.splice(place..place + map(&[("en", text("Test"))]).len(), map(&[]));
        assert_eq!(lookup(&read(&file).unwrap(), [8, 8, 8, 8]), Some(7));
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
