//! tor's country files: `start,end,CC` with inclusive decimal IPv4 numbers, or with IPv6 text;
//! sorted, without overlap, `#` begins a comment.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    net::Ipv6Addr,
    path::Path,
    str::FromStr,
};

use collector_common::{
    key::Address,
    schema::{Country, Geo, GeoSource},
};

use super::{
    Location,
    reserved::{is_reserved_v4, is_reserved_v6},
};

/// Where Debian's tor-geoipdb puts the IPv4 ranges.
pub const DEFAULT_V4: &str = "/usr/share/tor/geoip";
/// Where Debian's tor-geoipdb puts the IPv6 ranges.
pub const DEFAULT_V6: &str = "/usr/share/tor/geoip6";

/// Longest line that is read: two IPv6 addresses and a code need 83 bytes, comments more.
const MAX_LINE: u64 = 1024;
/// Most ranges of one file, seven times what is published.
const MAX_RANGES: usize = 2_000_000;

/// Why a country file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// Not there, or not readable.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A line that is not in the format; counted from 1.
    #[error("line {line}: {reason}")]
    Line {
        /// Its number.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Ranges of one IP version as sorted columns.
#[derive(Debug)]
struct Ranges<T> {
    starts: Vec<T>,
    ends: Vec<T>,
    countries: Vec<Country>,
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self {
            starts: Vec::new(),
            ends: Vec::new(),
            countries: Vec::new(),
        }
    }
}

impl<T: Ord + Copy> Ranges<T> {
    fn find(&self, address: T) -> Country {
        let after = self.starts.partition_point(|start| *start <= address);
        let range = after
            .checked_sub(1)
            .and_then(|index| Some((*self.ends.get(index)?, *self.countries.get(index)?)));
        match range {
            Some((end, country)) if address <= end => country,
            _ => Country::UNKNOWN,
        }
    }

    fn push(&mut self, start: T, end: T, country: Country) -> Result<(), &'static str> {
        if start > end {
            return Err("the range ends before it starts");
        }
        if self.ends.last().is_some_and(|last| start <= *last) {
            return Err("the range does not come after the one before");
        }
        if self.starts.len() == MAX_RANGES {
            return Err("too many ranges");
        }
        self.starts.push(start);
        self.ends.push(end);
        self.countries.push(country);
        Ok(())
    }
}

/// Countries of addresses.
#[derive(Debug, Default)]
pub struct Countries {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    date: Option<jiff::civil::Date>,
}

impl Countries {
    /// Without data: every public address is [`Country::UNKNOWN`].
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds the IPv4 ranges of the file at `path`.
    ///
    /// # Errors
    /// A missing or unreadable file, or its first bad line; then nothing is added.
    pub fn read_v4(&mut self, path: &Path) -> Result<(), GeoError> {
        let (ranges, date) = read(BufReader::new(File::open(path)?), |text| {
            u32::from_str(text).map_err(|_| "not an IPv4 address as a decimal number")
        })?;
        self.v4 = ranges;
        self.date = self.date.or(date);
        Ok(())
    }

    /// Adds the IPv6 ranges of the file at `path`.
    ///
    /// # Errors
    /// As [`Countries::read_v4`].
    pub fn read_v6(&mut self, path: &Path) -> Result<(), GeoError> {
        let (ranges, date) = read(BufReader::new(File::open(path)?), |text| {
            Ipv6Addr::from_str(text)
                .map(u128::from)
                .map_err(|_| "not an IPv6 address")
        })?;
        self.v6 = ranges;
        self.date = self.date.or(date);
        Ok(())
    }

    /// For a file's header: what the data is; `None` without data.
    #[must_use]
    pub fn describe(&self) -> Option<Geo> {
        let any = !self.v4.starts.is_empty() || !self.v6.starts.is_empty();
        any.then_some(Geo {
            source: GeoSource::TorGeoipdb,
            date: self.date,
        })
    }

    /// Country of an address of IP `version` 4 or 6. Private and reserved ranges are
    /// [`Country::NOWHERE`], whatever the data says.
    #[must_use]
    pub fn lookup(&self, address: &Address, version: u8) -> Location {
        Location {
            country: self.country(address, version),
            proxy: None,
        }
    }

    fn country(&self, address: &Address, version: u8) -> Country {
        let number = u128::from_be_bytes(address.octets());
        if version == 4 {
            // An IPv4 address lies in the last four of the sixteen bytes.
            let number = number as u32;
            if is_reserved_v4(number) {
                return Country::NOWHERE;
            }
            return self.v4.find(number);
        }
        if is_reserved_v6(number) {
            return Country::NOWHERE;
        }
        self.v6.find(number)
    }
}

type Parsed<T> = (Ranges<T>, Option<jiff::civil::Date>);

fn read<T: Ord + Copy>(
    mut input: impl BufRead,
    address: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Parsed<T>, GeoError> {
    let mut ranges = Ranges::default();
    let mut date = None;
    let mut bytes = Vec::new();
    for line in 1.. {
        let wrong = |reason| GeoError::Line { line, reason };
        bytes.clear();
        if (&mut input).take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        if bytes.len() as u64 == MAX_LINE {
            return Err(wrong("longer than 1023 bytes"));
        }
        let text = str::from_utf8(&bytes)
            .map_err(|_| wrong("not text"))?
            .trim();
        if let Some(comment) = text.strip_prefix('#') {
            date = date.or_else(|| generated(comment));
        } else if !text.is_empty() {
            range(text, &address)
                .and_then(|(start, end, country)| ranges.push(start, end, country))
                .map_err(wrong)?;
        }
    }
    Ok((ranges, date))
}

fn range<T>(
    text: &str,
    address: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<(T, T, Country), &'static str> {
    let mut fields = text.split(',');
    let (Some(start), Some(end), Some(code), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err("not three fields with commas between");
    };
    let country = <[u8; 2]>::try_from(code.as_bytes())
        .ok()
        .and_then(Country::from_code)
        .ok_or("not a country code of two capital letters")?;
    Ok((address(start)?, address(end)?, country))
}

/// The day in `Generated: Mon, 24 Jul 2023 03:33:03 GMT`, which tor's files carry as a comment.
fn generated(comment: &str) -> Option<jiff::civil::Date> {
    let text = comment.trim().strip_prefix("Generated:")?.trim();
    let at = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const V4: &str = "# Generated: Mon, 24 Jul 2023 03:33:03 GMT\n#\n\
        16777216,16777471,AU\n16777472,16778239,CN\n134744072,134744072,US\n4026531839,4026531839,??\n";
    const V6: &str = "2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n2a00::,2a00::1,EU\n";

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text).unwrap();
        file
    }

    fn countries() -> Countries {
        let mut countries = Countries::none();
        countries.read_v4(file(V4.as_bytes()).path()).unwrap();
        countries.read_v6(file(V6.as_bytes()).path()).unwrap();
        countries
    }

    fn v4(countries: &Countries, bytes: [u8; 4]) -> String {
        countries.country(&Address::v4(bytes), 4).to_string()
    }

    fn v6(countries: &Countries, text: &str) -> String {
        let octets = text.parse::<Ipv6Addr>().unwrap().octets();
        countries.country(&Address::v6(octets), 6).to_string()
    }

    #[test]
    fn ranges_hold_from_their_first_to_their_last_address() {
        let countries = countries();
        assert_eq!(v4(&countries, [1, 0, 0, 0]), "AU");
        assert_eq!(v4(&countries, [1, 0, 0, 255]), "AU");
        assert_eq!(v4(&countries, [1, 0, 1, 0]), "CN");
        assert_eq!(v4(&countries, [8, 8, 8, 8]), "US");
        assert_eq!(v6(&countries, "2001:200::5"), "JP");
        assert_eq!(v6(&countries, "2a00::1"), "EU");
    }

    #[test]
    fn what_no_range_covers_is_unknown() {
        let countries = countries();
        assert_eq!(v4(&countries, [8, 8, 8, 9]), "??");
        assert_eq!(v4(&countries, [0x17, 0, 0, 0]), "??");
        assert_eq!(v6(&countries, "2a00::2"), "??");
        assert_eq!(v4(&Countries::none(), [8, 8, 8, 8]), "??");
    }

    #[test]
    fn private_addresses_are_nowhere_whatever_the_data_says() {
        let mut lying = Countries::none();
        lying.read_v4(file(b"0,4294967295,DE\n").path()).unwrap();
        assert_eq!(v4(&lying, [10, 1, 2, 3]), "ZZ");
        assert_eq!(v4(&lying, [11, 1, 2, 3]), "DE");
        assert_eq!(v6(&lying, "fe80::1"), "ZZ");
    }

    #[test]
    fn the_header_names_the_day_of_the_data() {
        let geo = countries().describe().unwrap();
        assert_eq!(geo.date, Some(jiff::civil::date(2023, 7, 24)));
        assert_eq!(Countries::none().describe(), None);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let long = [b'1'; 5000];
        let cases: [(&[u8], u64); 10] = [
            (b"1,2\n", 1),
            (b"1,2,DE,4\n", 1),
            (b"# fine\n1,2,de\n", 2),
            (b"1,2,DEU\n", 1),
            (b"5,4,DE\n", 1),
            (b"1,5,DE\n5,6,DE\n", 2),
            (b"1,4294967296,DE\n", 1),
            (b"1,-2,DE\n", 1),
            (b"1,2,DE\n\xff\xfe\n", 2),
            (&long, 1),
        ];
        for (text, expected) in cases {
            let mut countries = Countries::none();
            let error = countries.read_v4(file(text).path()).unwrap_err();
            assert!(
                matches!(error, GeoError::Line { line, .. } if line == expected),
                "{error}"
            );
            assert_eq!(countries.describe(), None, "nothing is taken");
        }
    }

    #[test]
    fn a_missing_file_is_an_error_that_the_caller_may_warn_of() {
        let error = Countries::none()
            .read_v4(Path::new("/nonexistent/geoip"))
            .unwrap_err();
        assert!(matches!(error, GeoError::Io(_)));
    }
}
