//! PPTP by the magic cookie of its control connection (RFC 2637, section 1.4).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("PPTP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Set-Link-Info.
const LAST_MESSAGE: u16 = 15;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u16("length")?;
    Reader::require((12..=512).contains(&length), "length")?;
    reader.magic(b"\0\x01\x1a\x2b\x3c\x4d", "magic cookie")?;
    let message = reader.u16("message")?;
    Reader::require((1..=LAST_MESSAGE).contains(&message), "message")?;
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
        1723,
        &[
            Opener(b"\0\x9c\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0\x01\0\0\0\0\0\0\x01\0\0\0\x01"),
            Responder(b"\0\x9c\0\x01\x1a\x2b\x3c\x4d\0\x02\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0"),
        ],
        "PPTP",
    )];

    #[test]
    fn a_message_has_a_known_length_and_kind() {
        let judged = |bytes| probe(&Speech::stream(1723, bytes, false)).is_ok();
        assert!(!judged(b"\0\x04\0\x01\x1a\x2b\x3c\x4d\0\x01"));
        assert!(!judged(b"\0\x9c\0\x01\x1a\x2b\x3c\x4d\0\x10"));
        assert!(!judged(b"\0\x9c\0\x02\x1a\x2b\x3c\x4d\0\x01"));
    }
}
