//! Countries of addresses, from what data the operator has.

pub(crate) mod fuzz;
mod geoip;
mod libloc;
mod mmdb;
mod source;

use collector_common::{
    key::Address,
    schema::{Country, Geo, Proxy},
};

pub use source::{Files, Source, Unreadable};

use super::{
    Location,
    data::{DataError, ranges::Ranges},
};

impl Location {
    /// What an address has of which the data tells nothing.
    const UNKNOWN: Self = Self {
        country: Country::UNKNOWN,
        proxy: None,
    };

    /// From a code in country data. `A1`, `A2` and `A3` are flags in the place of a country.
    fn from_code(code: [u8; 2]) -> Self {
        let proxy = match &code {
            b"A1" => Some(Proxy::Anonymous),
            b"A2" => Some(Proxy::Satellite),
            b"A3" => Some(Proxy::Anycast),
            _ => None,
        };
        Self {
            country: Country::from_code(code),
            proxy,
        }
    }

    fn is_told(self) -> bool {
        self.country != Country::UNKNOWN
    }
}

impl Default for Location {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

/// Of several flags of one address the one that says most: whose traffic it is, then where it is
/// not.
fn proxy(is_anonymous: bool, is_satellite: bool, is_anycast: bool) -> Option<Proxy> {
    [
        (is_anonymous, Proxy::Anonymous),
        (is_satellite, Proxy::Satellite),
        (is_anycast, Proxy::Anycast),
    ]
    .into_iter()
    .find_map(|(is_set, proxy)| is_set.then_some(proxy))
}

/// Countries of addresses. A look-up reads two sorted columns and no file.
#[derive(Debug, Default)]
pub struct Countries {
    ranges: Ranges<Location>,
    geo: Option<Geo>,
}

impl Countries {
    /// Without data: every public address is [`Country::UNKNOWN`].
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// For a file's header: what the data is; `None` without data.
    #[must_use]
    pub fn describe(&self) -> Option<Geo> {
        self.geo
    }

    /// How many ranges of addresses are held.
    #[must_use]
    pub fn ranges(&self) -> usize {
        self.ranges.len()
    }

    /// Where an address of IP `version` 4 or 6 is. Private and reserved ranges are
    /// [`Country::NOWHERE`], whatever the data says.
    #[must_use]
    pub fn lookup(&self, address: &Address, version: u8) -> Location {
        self.ranges.find(address, version).unwrap_or(Location {
            country: Country::NOWHERE,
            proxy: None,
        })
    }

    /// These, if any address has a country.
    fn checked(self) -> Result<Self, DataError> {
        if self.ranges.tells(Location::is_told) {
            Ok(self)
        } else {
            Err(DataError::Nothing("a country"))
        }
    }
}

#[cfg(test)]
mod tests;
