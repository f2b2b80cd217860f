//! Avast: frames with which its programs speak to the vendor. No description is published; the rule
//! rests on the magic number of a frame, its length, that number included, and a version.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AVAST"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"NOSA", "magic")?;
    let length = reader.u16("length")?;
    Reader::require((8..=4096).contains(&length), "length")?;
    reader.magic(&[1], "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        80,
        &[
            Opener(b"NOSA\0\x10\x01\x01\0\0\x03\x01\x08\xb2\x5a\x29"),
            Responder(b"NOSA\0\x10\x01\x02\0\0\0\0\xe8\xe6\x7a\x0c"),
        ],
        "AVAST",
    )];

    #[test]
    fn a_frame_without_room_for_its_header_is_not_avast_s() {
        assert!(probe(&Speech::stream(80, b"NOSA\0\x04\x01", false)).is_err());
        assert!(probe(&Speech::stream(80, b"NOSE\0\x10\x01", false)).is_err());
    }
}
