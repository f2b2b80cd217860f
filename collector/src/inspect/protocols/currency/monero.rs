//! Monero between its nodes: the header of the Levin protocol (Monero's `LEVIN_PROTOCOL.md`).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Monero"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\x01\x21\x01\x01\x01\x01\x01\x01", "signature")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        18_080,
        &[
            Opener(b"\x01\x21\x01\x01\x01\x01\x01\x01\xe2\0\0\0\0\0\0\0\x01\xe9\x03\0\0"),
            Responder(b"\x01\x21\x01\x01\x01\x01\x01\x01\x10\0\0\0\0\0\0\0\0\xe9\x03\0\0"),
        ],
        "Monero",
    )];

    #[test]
    fn half_a_signature_is_not_yet_monero() {
        let speech = Speech::stream(18_080, b"\x01\x21\x01\x01", false);
        assert!(matches!(probe(&speech), Err(Fault::Short(_))));
    }
}
