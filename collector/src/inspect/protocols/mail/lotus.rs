//! Lotus (HCL) Notes by the first message of NRPC. The vendor publishes no description; the rule
//! rests on the length in front and on eight bytes that do not vary in what clients send.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LotusNotes"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u16_le("message length")?;
    Reader::require((12..=0x4000).contains(&length), "message length")?;
    reader.u32("header")?;
    reader.magic(b"\0\0\x02\0\0\x40\x02\x0f", "first message")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        1352,
        &[Opener(
            b"\x3a\0\0\0\x2f\0\0\0\x02\0\0\x40\x02\x0f\0\x01\0\x3d\x05\0\0\0\0\0",
        )],
        "LotusNotes",
    )];

    #[test]
    fn other_bytes_behind_the_length_are_not_notes() {
        let bytes = b"\x3a\0\0\0\x2f\0\0\0\x02\0\0\x40\x02\x0e";
        assert!(probe(&Speech::stream(1352, bytes, false)).is_err());
    }
}
