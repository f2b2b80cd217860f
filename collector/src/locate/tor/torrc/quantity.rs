//! Amounts of data with a unit, as in `RelayBandwidthRate 20 MBytes`.

/// Bytes of the units that tor knows; a unit's plural and its longer forms begin with it.
const UNITS: &[(&str, f64)] = &[
    ("kbit", 128.0),
    ("kilobit", 128.0),
    ("mbit", 131_072.0),
    ("megabit", 131_072.0),
    ("gbit", 134_217_728.0),
    ("gigabit", 134_217_728.0),
    ("tbit", 137_438_953_472.0),
    ("terabit", 137_438_953_472.0),
    ("k", 1024.0),
    ("m", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("t", 1_099_511_627_776.0),
];

/// Whole bytes; no unit means bytes.
///
/// # Errors
/// No number, or another unit.
pub(super) fn bytes(value: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "not an amount of data, as in 20 MBytes";
    let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = value
        .split_at_checked(digits.unwrap_or(value.len()))
        .ok_or(WRONG)?;
    let number: f64 = number.parse().map_err(|_| WRONG)?;
    let unit = unit.trim().to_ascii_lowercase();
    let factor = if unit.is_empty() || unit == "b" || unit == "byte" || unit == "bytes" {
        1.0
    } else {
        let known = UNITS.iter().find(|(name, _)| unit.starts_with(name));
        known.ok_or(WRONG)?.1
    };
    // Saturates, and a torrc's number is never negative.
    Ok((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_in_every_unit_of_tor() {
        for (text, expected) in [
            ("100", 100),
            ("100 bytes", 100),
            ("1 KByte", 1024),
            ("20 KB", 20_480),
            ("1.5 MBytes", 1_572_864),
            ("10MB", 10_485_760),
            ("1 GByte", 1 << 30),
            ("20 MBits", 20 * 131_072),
            ("8 kilobits", 1024),
            ("1 TB", 1 << 40),
            ("99999999999999 TB", u64::MAX),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "MB", "-1", "1 parsec", "1..2", "nan", "inf"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
