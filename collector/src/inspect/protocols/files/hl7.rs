//! HL7, version 2, by the start of a message in its minimal transport (MLLP, release 1): the start
//! block and the header segment.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HL7"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\x0bMSH", "message header")?;
    let separator = reader.u8("field separator")?;
    Reader::require(separator.is_ascii_punctuation(), "field separator")?;
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
        2575,
        &[
            Opener(b"\x0bMSH|^~\\&|REGADT|MCM|IFENG||199112311501||ADT^A04|1|P|2.3\r\x1c\r"),
            Responder(b"\x0bMSH|^~\\&|IFENG||REGADT|MCM|199112311501||ACK^A04|1|P|2.3\r\x1c\r"),
        ],
        "HL7",
    )];

    #[test]
    fn another_segment_does_not_begin_a_message() {
        assert!(probe(&Speech::stream(2575, b"\x0bPID|1", false)).is_err());
    }
}
