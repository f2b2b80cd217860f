//! HiSLIP of instruments (IVI-6.1, section 2.4): two letters, a message type and a length of eight
//! bytes, whose upper half is 0.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HiSLIP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"HS", "prologue")?;
    Reader::require(reader.u8("message type")? <= 38, "message type")?;
    reader.u8("control code")?;
    reader.u32("parameter")?;
    Reader::require(reader.u32("length")? == 0, "length")?;
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
        4880,
        &[
            Opener(b"HS\0\0\x01\0RS\0\0\0\0\0\0\0\x07hislip0"),
            Responder(b"HS\x01\0\x01\0\0\x01\0\0\0\0\0\0\0\0"),
        ],
        "HiSLIP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_message_type_or_length_is_not_hislip() {
        assert!(certain(40_000, b"HS\x11\0\0\0\0\x01\0\0\0\0"));
        assert!(!certain(4880, b"HS\x40\0\0\0\0\x01\0\0\0\0"));
        assert!(!certain(4880, b"HS\x11\0\0\0\0\x01\0\0\0\x01"));
    }
}
