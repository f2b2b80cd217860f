//! What hostile country data is held to.

use collector_common::key::Address;

use super::{Countries, geoip, libloc, mmdb};
use crate::{
    fuzz::Scratch,
    locate::{asn::Systems, data::DataError},
};

/// As tor's file for IPv4.
pub(crate) fn geoip(data: &[u8]) {
    read(data, |path| {
        Ok(geoip::joined(Some(geoip::read_v4(path)?), None))
    });
}

/// As tor's file for IPv6.
pub(crate) fn geoip6(data: &[u8]) {
    read(data, |path| {
        Ok(geoip::joined(None, Some(geoip::read_v6(path)?)))
    });
}

/// As the text that libloc exports.
pub(crate) fn libloc(data: &[u8]) {
    read(data, |path| {
        let (countries, systems) = libloc::read(path)?;
        look_up(|address, version| systems.lookup(address, version));
        Ok(countries)
    });
}

/// As a database of countries in MaxMind's format.
pub(crate) fn mmdb(data: &[u8]) {
    read(data, mmdb::read);
}

/// As a database of autonomous systems.
pub(crate) fn asn(data: &[u8]) {
    let scratch = Scratch::new();
    if let Ok(systems) = Systems::read(&scratch.file("asn", data)) {
        look_up(|address, version| systems.lookup(address, version));
    }
}

fn read(data: &[u8], reader: impl Fn(&std::path::Path) -> Result<Countries, DataError>) {
    let scratch = Scratch::new();
    let path = scratch.file("data", data);
    match reader(&path) {
        Ok(countries) => {
            assert!(countries.ranges() > 0, "taken, and nothing is held of it");
            look_up(|address, version| countries.lookup(address, version));
        }
        Err(error) => assert!(!error.is_absence() && !error.to_string().is_empty()),
    }
}

/// The ends of both address spaces, and some between.
fn look_up<T>(find: impl Fn(&Address, u8) -> T) {
    for byte in [0, 1, 8, 0x20, 127, 192, 0xfe, 0xff] {
        find(&Address::v4([byte; 4]), 4);
        find(&Address::v6([byte; 16]), 6);
    }
}
