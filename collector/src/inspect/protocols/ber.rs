//! Elements of the Basic Encoding Rules (ITU-T X.690, section 8.1), as LDAP, Kerberos, SNMP and MMS
//! are written in.

use crate::inspect::reader::{Fault, Reader};

/// Identifiers of universal types.
pub(super) const INTEGER: u32 = 0x02;
pub(super) const OCTET_STRING: u32 = 0x04;
pub(super) const ENUMERATED: u32 = 0x0a;
pub(super) const SEQUENCE: u32 = 0x30;

/// An identifier, with its class and form bits; one of several octets is read as one number.
fn identifier(reader: &mut Reader<'_>, part: &'static str) -> Result<u32, Fault> {
    /// A tag of up to 21 bits: more than any protocol's modules number.
    const MOST: usize = 3;
    let first = u32::from(reader.u8(part)?);
    if first & 0x1f != 0x1f {
        return Ok(first);
    }
    let mut identifier = first;
    for _ in 0..MOST {
        let octet = u32::from(reader.u8(part)?);
        identifier = identifier << 8 | octet;
        if octet & 0x80 == 0 {
            return Ok(identifier);
        }
    }
    Err(Fault::Wrong(part))
}

/// A definite length. The indefinite form is refused: the protocols here forbid it or never use it.
fn length(reader: &mut Reader<'_>, part: &'static str) -> Result<usize, Fault> {
    let length = match reader.u8(part)? {
        short @ 0..=0x7f => u32::from(short),
        0x81 => u32::from(reader.u8(part)?),
        0x82 => u32::from(reader.u16(part)?),
        0x83 => reader.u24(part)?,
        0x84 => reader.u32(part)?,
        _ => return Err(Fault::Wrong(part)),
    };
    usize::try_from(length).map_err(|_| Fault::Wrong(part))
}

/// The next element: its identifier, and a reader over its contents.
pub(super) fn element<'a>(
    reader: &mut Reader<'a>,
    part: &'static str,
) -> Result<(u32, Reader<'a>), Fault> {
    let identifier = identifier(reader, part)?;
    let length = length(reader, part)?;
    Ok((identifier, reader.part(length, part)?))
}

/// The contents of the next element, which has to be of `wanted`.
pub(super) fn tagged<'a>(
    reader: &mut Reader<'a>,
    wanted: u32,
    part: &'static str,
) -> Result<Reader<'a>, Fault> {
    let identifier = identifier(reader, part)?;
    Reader::require(identifier == wanted, part)?;
    let length = length(reader, part)?;
    reader.part(length, part)
}

/// A number from 0 up, of `wanted`: INTEGER, ENUMERATED or a tag in their place.
pub(super) fn number(
    reader: &mut Reader<'_>,
    wanted: u32,
    part: &'static str,
) -> Result<u32, Fault> {
    let identifier = identifier(reader, part)?;
    Reader::require(identifier == wanted, part)?;
    let length = length(reader, part)?;
    Reader::require((1..=5).contains(&length), part)?;
    let octets = reader.take(length, part)?;
    let signed = octets.first().is_some_and(|octet| octet & 0x80 != 0);
    Reader::require(!signed, part)?;
    let value = octets
        .iter()
        .fold(0, |value: u64, octet| value << 8 | u64::from(*octet));
    u32::try_from(value).map_err(|_| Fault::Wrong(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_its_identifier_and_its_contents() {
        let mut reader = Reader::open(b"\x30\x84\0\0\0\x03\x02\x01\x07\xff");
        let mut sequence = tagged(&mut reader, SEQUENCE, "sequence").unwrap();
        assert_eq!(number(&mut sequence, INTEGER, "id"), Ok(7));
        assert!(sequence.at_end());
        assert_eq!(reader.rest(), b"\xff");
    }

    #[test]
    fn an_identifier_of_several_octets_is_one_number() {
        let mut reader = Reader::open(b"\xbf\x24\x01\0");
        let (identifier, contents) = element(&mut reader, "element").unwrap();
        assert_eq!((identifier, contents.rest()), (0xbf24, &b"\0"[..]));
        let endless = element(&mut Reader::open(b"\xbf\x84\x84\x84\x84"), "element");
        assert!(matches!(endless, Err(Fault::Wrong(_))));
    }

    #[test]
    fn an_indefinite_length_and_a_negative_number_are_refused() {
        let indefinite = element(&mut Reader::open(b"\x30\x80\0\0"), "element");
        assert!(matches!(indefinite, Err(Fault::Wrong(_))));
        for bytes in [&b"\x02\x01\xff"[..], b"\x02\0", b"\x02\x06\0\0\0\0\0\0"] {
            let judged = number(&mut Reader::open(bytes), INTEGER, "number");
            assert_eq!(judged, Err(Fault::Wrong("number")));
        }
        let largest = number(
            &mut Reader::open(b"\x02\x05\0\xff\xff\xff\xff"),
            INTEGER,
            "n",
        );
        assert_eq!(largest, Ok(u32::MAX));
    }

    #[test]
    fn what_is_cut_off_is_short_and_another_type_is_wrong() {
        let short = number(&mut Reader::open(b"\x02\x02\x01"), INTEGER, "number");
        assert_eq!(short, Err(Fault::Short("number")));
        let other = number(&mut Reader::open(b"\x04"), INTEGER, "number");
        assert_eq!(other, Err(Fault::Wrong("number")));
    }
}
