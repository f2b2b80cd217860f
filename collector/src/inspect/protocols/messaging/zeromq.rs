//! ZeroMQ's greeting (ZMTP 3.1, RFC 37 of ZeroMQ, section "Greeting"; ZMTP 2.0, RFC 15). The
//! padding between the signature's ends is a length of one in the implementations that still speak
//! to 1.0.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ZeroMQ"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\xff\0\0\0\0\0\0\0", "signature")?;
    let last = reader.u8("signature")?;
    Reader::require(last <= 1, "signature")?;
    reader.magic(b"\x7f", "signature")?;
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

    /// Both sides greet in version 3.0.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        5555,
        &[
            Opener(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            Responder(b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        ],
        "ZeroMQ",
    )];

    #[test]
    fn a_signature_of_another_length_or_end_is_not_zeromq() {
        for bytes in [
            &b"\xff\0\0\0\0\0\0\0\x02\x7f"[..],
            b"\xff\0\0\0\0\0\0\0\x01\x7e",
        ] {
            let judged = probe(&Speech::stream(5555, bytes, false)).unwrap_err();
            assert_eq!(judged, Fault::Wrong("signature"));
        }
    }
}
