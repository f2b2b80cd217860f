//! The text export of IPFire's location database (`location dump FILE`): blocks of `key: value` lines
//! with an empty line between. A block of `net:` has `country:`, `aut-num:` and flags; other blocks
//! name autonomous systems. Networks nest, and a narrower one takes nothing from a wider.

use std::{net::IpAddr, path::Path};

use collector_common::schema::{Geo, GeoSource, Proxy};
use jiff::civil::Date;

use super::{Countries, Location, proxy};
use crate::locate::{
    asn::Systems,
    data::{
        self, DataError, lines,
        ranges::{Column, Ranges},
    },
};

/// What the export tells of a network; by default of one that it does not name.
#[derive(Clone, Copy, Default, PartialEq)]
struct Told {
    location: Location,
    /// 0: none.
    system: u32,
}

/// A block of `net:`, as far as it is read.
#[derive(Default)]
struct Block {
    /// The first address, and how many bits all of its addresses share.
    network: Option<(IpAddr, u32)>,
    code: Option<[u8; 2]>,
    system: u32,
    is_anonymous: bool,
    is_satellite: bool,
    is_anycast: bool,
}

#[derive(Default)]
struct Export {
    block: Block,
    v4: Vec<(u32, u32, Told)>,
    v6: Vec<(u128, u128, Told)>,
    date: Option<Date>,
}

/// Reads the export at `path`; it tells of autonomous systems, too.
pub(super) fn read(path: &Path) -> Result<(Countries, Systems), DataError> {
    let mut export = Export::default();
    lines::read(data::open(path)?, |text| export.line(text))?;
    export.end_block();
    let date = export.date;
    let told = Ranges {
        v4: Column::nested(export.v4),
        v6: Column::nested(export.v6),
    };
    let countries = Countries {
        ranges: told.project(|told| told.location),
        geo: Some(Geo {
            source: GeoSource::Libloc,
            date,
        }),
    };
    Ok((
        countries.checked()?,
        told.project(|told| told.system).into(),
    ))
}

impl Export {
    fn line(&mut self, text: &str) -> Result<(), &'static str> {
        if text.is_empty() {
            self.end_block();
        } else if let Some(comment) = text.strip_prefix('#') {
            self.date = self.date.or_else(|| lines::generated(comment));
        } else {
            let is_key = |key: &str| {
                key.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            };
            let (key, value) = text
                .split_once(':')
                .filter(|(key, _)| is_key(key))
                .ok_or("no `key: value` (tor's own files are named by --geoip and --geoip6)")?;
            self.block.field(key, value.trim())?;
        }
        Ok(())
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let told = block.told();
        match block.network {
            Some((IpAddr::V4(address), prefix)) => {
                let hosts = u32::MAX.checked_shr(prefix).unwrap_or(0);
                let start = u32::from(address) & !hosts;
                self.v4.push((start, start | hosts, told));
            }
            Some((IpAddr::V6(address), prefix)) => {
                let hosts = u128::MAX.checked_shr(prefix).unwrap_or(0);
                let start = u128::from(address) & !hosts;
                self.v6.push((start, start | hosts, told));
            }
            None => {}
        }
    }
}

impl Block {
    fn field(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "net" => self.network = Some(network(value).ok_or("not a network")?),
            "country" => self.code = Some(lines::code(value)?),
            "aut-num" => {
                let number = value.strip_prefix("AS").unwrap_or(value);
                self.system = number.parse().map_err(|_| "not a number of a system")?;
            }
            "is-anonymous-proxy" => self.is_anonymous = value == "yes",
            "is-satellite-provider" => self.is_satellite = value == "yes",
            "is-anycast" => self.is_anycast = value == "yes",
            _ => {}
        }
        Ok(())
    }

    /// A flag is there when it is set, so that where none is there is none.
    fn told(&self) -> Told {
        let mut location = self.code.map_or(Location::UNKNOWN, Location::from_code);
        location.proxy = proxy(self.is_anonymous, self.is_satellite, self.is_anycast)
            .or(location.proxy)
            .or(Some(Proxy::None));
        Told {
            location,
            system: self.system,
        }
    }
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, prefix) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let prefix: u32 = prefix.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    (prefix <= longest).then_some((address, prefix))
}
