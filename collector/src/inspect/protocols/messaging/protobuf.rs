//! Bare Protocol Buffers in a stream (Protocol Buffers documentation, "Encoding"): nothing in them
//! is fixed, so a row of sound fields in ascending order, one of which is text, is likely to be
//! them.

use crate::inspect::{
    Label,
    protocols::{text, varint::varint},
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Protobuf"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// So many fields in a row.
const ROW: usize = 5;
const LARGEST_FIELD: u64 = (1 << 29) - 1;
const LONGEST: u64 = 0x1_0000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let (mut last, mut text) = (0, false);
    for _ in 0..ROW {
        let tag = number(&mut reader)?;
        let (field, wire_type) = (tag >> 3, tag & 7);
        let ascends = field >= last.max(1) && field <= LARGEST_FIELD;
        Reader::require(ascends, "field number")?;
        last = field;
        text |= value(&mut reader, wire_type)?;
    }
    Reader::require(text, "text")?;
    Ok(Finding::likely())
}

/// Says whether the value is text of some length.
fn value(reader: &mut Reader<'_>, wire_type: u64) -> Result<bool, Fault> {
    match wire_type {
        0 => number(reader).map(|_| false),
        1 => reader.u64("value").map(|_| false),
        2 => {
            let length = number(reader)?;
            Reader::require(length < LONGEST, "length")?;
            let length = usize::try_from(length).map_err(|_| Fault::Wrong("length"))?;
            let bytes = reader.take(length, "value")?;
            Ok(length >= 3 && text::printable(bytes))
        }
        5 => reader.u32("value").map(|_| false),
        _ => Err(Fault::Wrong("wire type")),
    }
}

fn number(reader: &mut Reader<'_>) -> Result<u64, Fault> {
    varint(reader, 10, "number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// A message of five fields.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        12_345,
        &[Opener(
            b"\x12\x03bla\x22\x05\x08\x01\x12\x01a\x2d\xf3\x23\xa7\x44\x38\xa4\x03\x58\x03\x0a",
        )],
        "Protobuf",
    )];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(12_345, bytes, false))
    }

    #[test]
    fn it_is_never_certain() {
        let finding = judge(b"\x08\x01\x12\x04text\x18\x01\x20\x01\x28\x01").unwrap();
        assert!(finding.likely);
    }

    #[test]
    fn fields_that_descend_or_hold_no_text_are_not_taken() {
        let descends = judge(b"\x12\x04text\x08\x01").unwrap_err();
        assert_eq!(descends, Fault::Wrong("field number"));
        let numbers = judge(b"\x08\x01\x10\x01\x18\x01\x20\x01\x28\x01").unwrap_err();
        assert_eq!(numbers, Fault::Wrong("text"));
        assert_eq!(judge(b"\x0e").unwrap_err(), Fault::Wrong("wire type"));
    }
}
