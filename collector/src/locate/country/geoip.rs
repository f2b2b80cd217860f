//! tor's country files: `start,end,CC` with inclusive decimal IPv4 numbers, or with IPv6 text;
//! sorted, without overlap, `#` begins a comment.

use std::{net::Ipv6Addr, path::Path, str::FromStr};

use collector_common::schema::{Geo, GeoSource};
use jiff::civil::Date;

use super::{Countries, Location};
use crate::locate::data::{
    self, DataError, lines,
    ranges::{Column, Number, Ranges},
};

/// What one file holds.
#[derive(Default)]
pub(super) struct Half<T: Number> {
    column: Column<T, Location>,
    date: Option<Date>,
}

/// The file of IPv4 ranges.
pub(super) fn read_v4(path: &Path) -> Result<Half<u32>, DataError> {
    read(path, |text| {
        u32::from_str(text).map_err(|_| "not an IPv4 address as a decimal number")
    })
}

/// The file of IPv6 ranges.
pub(super) fn read_v6(path: &Path) -> Result<Half<u128>, DataError> {
    read(path, |text| {
        Ipv6Addr::from_str(text)
            .map(u128::from)
            .map_err(|_| "not an IPv6 address")
    })
}

/// Both files, of which either may be absent; the data is as old as the older one.
pub(super) fn joined(v4: Option<Half<u32>>, v6: Option<Half<u128>>) -> Countries {
    let any = v4.is_some() || v6.is_some();
    let (v4, v6) = (v4.unwrap_or_default(), v6.unwrap_or_default());
    let geo = Geo {
        source: GeoSource::TorGeoipdb,
        date: v4.date.into_iter().chain(v6.date).min(),
    };
    Countries {
        ranges: Ranges {
            v4: v4.column,
            v6: v6.column,
        },
        geo: any.then_some(geo),
    }
}

fn read<T: Number>(
    path: &Path,
    address: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Half<T>, DataError> {
    let mut half = Half {
        column: Column::default(),
        date: None,
    };
    lines::read(data::open(path)?, |text| {
        if let Some(comment) = text.strip_prefix('#') {
            half.date = half.date.or_else(|| lines::generated(comment));
        } else if !text.is_empty() {
            let (start, end, code) = fields(text)?;
            let location = Location::from_code(lines::code(code)?);
            half.column.push(address(start)?, address(end)?, location)?;
        }
        Ok(())
    })?;
    if half.column.tells(Location::is_told) {
        Ok(half)
    } else {
        Err(DataError::Nothing("a country"))
    }
}

fn fields(text: &str) -> Result<(&str, &str, &str), &'static str> {
    let mut fields = text.split(',');
    match (fields.next(), fields.next(), fields.next(), fields.next()) {
        (Some(start), Some(end), Some(code), None) => Ok((start, end, code)),
        _ => Err("not three fields with commas between"),
    }
}
