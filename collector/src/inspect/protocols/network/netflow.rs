//! Cisco's NetFlow of versions 1, 5, 7, 8 and 9 (RFC 3954) and IPFIX (RFC 7011, section 3.1): the
//! lengths that the header and the sets state must be the datagram's.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NetFlow"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    match reader.u16("version")? {
        1 => records(&mut reader, 12, 52)?,
        5 => records(&mut reader, 20, 48)?,
        7 => records(&mut reader, 20, 52)?,
        8 => aggregated(&mut reader)?,
        9 => {
            Reader::require(reader.u16("count")? > 0, "count")?;
            reader.take(16, "header")?;
            sets(&mut reader, 0)?;
        }
        10 => {
            let length = usize::from(reader.u16("length")?);
            Reader::require(length == speech.bytes.len(), "length")?;
            reader.take(12, "header")?;
            sets(&mut reader, 2)?;
        }
        _ => return Err(Fault::Wrong("version")),
    }
    Ok(Finding::default())
}

/// As many records of `size` as the header counts, and nothing behind them.
fn records(reader: &mut Reader<'_>, header: usize, size: usize) -> Result<(), Fault> {
    let count = usize::from(reader.u16("count")?);
    Reader::require((1..=30).contains(&count), "count")?;
    reader.take(header, "header")?;
    reader.take(count * size, "records")?;
    reader.end("records")
}

/// Version 8's records differ in size by the way of aggregation.
fn aggregated(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let count = usize::from(reader.u16("count")?);
    reader.take(18, "header")?;
    Reader::require((1..=14).contains(&reader.u8("aggregation")?), "aggregation")?;
    Reader::require(
        reader.u8("aggregation version")? == 2,
        "aggregation version",
    )?;
    reader.u32("reserved")?;
    let length = reader.rest().len();
    let fits = count > 0 && length.is_multiple_of(count) && (28..=48).contains(&(length / count));
    Reader::require(fits, "records")
}

/// Templates are sets of `first` and the number behind it, data those from 256 up.
fn sets(reader: &mut Reader<'_>, first: u16) -> Result<(), Fault> {
    Reader::require(!reader.at_end(), "sets")?;
    while !reader.at_end() {
        let id = reader.u16("set")?;
        Reader::require(id == first || id == first + 1 || id >= 256, "set")?;
        let length = usize::from(reader.u16("set length")?);
        let content = length.checked_sub(4).ok_or(Fault::Wrong("set length"))?;
        reader.take(content, "set")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            2055,
            &[Opener(
                b"\0\x05\0\x01\0\0\xa1\xf8Y4[r\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0",
            )],
            "NetFlow",
        ),
        Talk::udp(
            2055,
            &[Opener(
                b"\0\x09\0\x01\0\0\xa1\xf8Y4[r\0\0\0\x01\0\0\0\0\0\0\0\x10\x01\0\0\x02\
                    \0\x08\0\x04\0\x01\0\x04",
            )],
            "NetFlow",
        ),
        Talk::udp(
            4739,
            &[Opener(
                b"\0\n\0 YJ\xc5\x9d\x02Ye\xc4\0\x04\x01\0\0\x02\0\x10\x01\0\0\x02\0\
                    \x08\0\x04\0\x0c\0\x04",
            )],
            "NetFlow",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn lengths_must_be_the_datagram_s() {
        for talk in TALKS {
            let Opener(bytes) = talk.turns[0] else {
                panic!()
            };
            assert!(certain(40_000, bytes));
            assert!(!certain(2_055, &bytes[..bytes.len() - 1]));
            assert!(!certain(2_055, &[bytes, b"\0"].concat()));
        }
    }

    #[test]
    fn other_versions_and_empty_exports_are_not_netflow() {
        assert!(!certain(2_055, &[0; 72]));
        assert!(!certain(2_055, b"\0\x05\0\0aaaaaaaaaaaaaaaaaaaa"));
    }
}
