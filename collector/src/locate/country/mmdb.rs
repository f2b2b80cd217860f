//! Country databases in MaxMind's format: in MaxMind's own shape (`GeoLite2-Country` and those that
//! hold it, such as City), and in the flat one of other vendors.

use std::path::Path;

use collector_common::schema::{Country, Geo, GeoSource, Proxy};
use serde::Deserialize;

use super::{Countries, Location, proxy};
use crate::locate::data::{DataError, database, lines};

/// A record, as far as it is read; both shapes in one.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Named<'a>>,
    country_code: Option<&'a str>,
    registered_country: Option<Named<'a>>,
    continent: Option<Named<'a>>,
    continent_code: Option<&'a str>,
    traits: Option<Traits>,
}

/// `{"iso_code": "DE", …}`, `{"code": "EU", …}` for continents, or a text: the code, or a name.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Named<'a> {
    Map {
        #[serde(alias = "code")]
        iso_code: Option<&'a str>,
    },
    Text(&'a str),
}

/// Flags are there when they are set; MaxMind took two of them out of its files on 2025-02-10.
#[derive(Deserialize)]
struct Traits {
    is_anonymous_proxy: Option<bool>,
    is_satellite_provider: Option<bool>,
    is_anycast: Option<bool>,
}

/// Reads the database at `path`.
pub(super) fn read(path: &Path) -> Result<Countries, DataError> {
    let database = database::read(path)?;
    let ranges = database::ranges(&database, |network| {
        let record: Option<Record<'_>> = network.decode()?;
        Ok(record.map_or(Location::UNKNOWN, |record| record.location()))
    })?;
    let countries = Countries {
        ranges,
        geo: Some(Geo {
            source: GeoSource::Mmdb,
            date: database::date(&database),
        }),
    };
    countries.checked()
}

impl Record<'_> {
    /// Country, else the country that the network is registered in, else the continent.
    fn location(&self) -> Location {
        let told = [
            self.country.and_then(Named::code),
            code(self.country_code),
            self.registered_country.and_then(Named::code),
        ];
        let told = told.into_iter().flatten().map(Location::from_code);
        let flagged = told.clone().find_map(|location| location.proxy);
        let country = told.map(|location| location.country).find(is_told);
        Location {
            country: country.unwrap_or_else(|| self.continent()),
            proxy: self.traits.as_ref().and_then(Traits::proxy).or(flagged),
        }
    }

    fn continent(&self) -> Country {
        let codes = [
            self.continent.and_then(Named::code),
            code(self.continent_code),
        ];
        let told = codes
            .into_iter()
            .flatten()
            .map(Country::from_continent_code);
        told.clone().find(is_told).unwrap_or(Country::UNKNOWN)
    }
}

impl<'a> Named<'a> {
    fn code(self) -> Option<[u8; 2]> {
        match self {
            Self::Map { iso_code } => code(iso_code),
            Self::Text(text) => code(Some(text)),
        }
    }
}

fn code(text: Option<&str>) -> Option<[u8; 2]> {
    lines::code(text?).ok()
}

fn is_told(country: &Country) -> bool {
    *country != Country::UNKNOWN
}

impl Traits {
    /// `None` where the record has none of the flags.
    fn proxy(&self) -> Option<Proxy> {
        let flags = [
            self.is_anonymous_proxy,
            self.is_satellite_provider,
            self.is_anycast,
        ];
        let [anonymous, satellite, anycast] = flags.map(Option::unwrap_or_default);
        let told = flags.iter().any(Option::is_some).then_some(Proxy::None);
        proxy(anonymous, satellite, anycast).or(told)
    }
}
