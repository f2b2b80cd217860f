//! Bare Protocol Buffers in a stream (Protocol Buffers documentation, "Encoding"): nothing in them
//! is fixed, so a row of sound fields in ascending order, one of which is text, is likely to be
//! them; or a shorter one with a negative number, whose sign fills ten bytes.

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
        match value(&mut reader, wire_type)? {
            Value::Negative => return Ok(Finding::likely()),
            Value::Text => text = true,
            Value::Other => {}
        }
    }
    Reader::require(text, "text")?;
    Ok(Finding::likely())
}

/// What a field's value tells.
enum Value {
    /// Of some length.
    Text,
    /// Of 32 bits, in the form of 64 that it always has.
    Negative,
    Other,
}

fn value(reader: &mut Reader<'_>, wire_type: u64) -> Result<Value, Fault> {
    const LEAST_NEGATIVE: u64 = 0xffff_ffff_8000_0000;
    match wire_type {
        0 if number(reader)? >= LEAST_NEGATIVE => Ok(Value::Negative),
        0 => Ok(Value::Other),
        1 => reader.u64("value").map(|_| Value::Other),
        2 => {
            let length = number(reader)?;
            Reader::require(length < LONGEST, "length")?;
            let length = usize::try_from(length).map_err(|_| Fault::Wrong("length"))?;
            let bytes = reader.take(length, "value")?;
            let told = length >= 3 && text::printable(bytes);
            Ok(if told { Value::Text } else { Value::Other })
        }
        5 => reader.u32("value").map(|_| Value::Other),
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

    /// A message of five fields, and one of two: the largest number, and minus one.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            12_345,
            &[Opener(
                b"\x12\x03bla\x22\x05\x08\x01\x12\x01a\x2d\xf3\x23\xa7\x44\x38\xa4\x03\x58\x03\x0a",
            )],
            "Protobuf",
        ),
        Talk::tcp(
            12_345,
            &[Opener(
                b"\x38\xff\xff\xff\xff\x07\x50\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            )],
            "Protobuf",
        ),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(12_345, bytes, false))
    }

    #[test]
    fn it_is_never_certain() {
        let finding = judge(b"\x08\x01\x12\x04text\x18\x01\x20\x01\x28\x01").unwrap();
        assert!(finding.likely);
    }

    #[test]
    fn a_large_number_is_not_a_negative_one() {
        // 2^63 - 1, and the end.
        let large = b"\x50\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
        assert_eq!(judge(large).unwrap_err(), Fault::Short("number"));
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
