//! FIX by what its messages begin with (FIX Session Layer, "Message format"; FIXT 1.1): version,
//! length of the body, type of the message, each a tag and a value before SOH.

use crate::inspect::{
    Label,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FIX"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SOH: u8 = 1;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"8=FIX", "version")?;
    value(&mut reader, "version", |b| {
        b == b'T' || b == b'.' || b.is_ascii_digit()
    })?;
    reader.magic(b"9=", "body length")?;
    value(&mut reader, "body length", |b| b.is_ascii_digit())?;
    reader.magic(b"35=", "message type")?;
    Ok(Finding::default())
}

/// A value of at least one and at most eight bytes that `fits`, and SOH.
fn value(
    reader: &mut Reader<'_>,
    part: &'static str,
    fits: impl Fn(u8) -> bool,
) -> Result<(), Fault> {
    let value = text::before(reader, SOH, 9, part, fits)?;
    Reader::require(!value.is_empty(), part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// Both sides log on.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        1024,
        &[
            Opener(b"8=FIXT.1.1\x019=62\x0135=A\x0149=client\x0134=1\x01"),
            Responder(b"8=FIX.4.4\x019=70\x0135=A\x0149=server\x0134=1\x01"),
        ],
        "FIX",
    )];

    #[test]
    fn a_body_length_of_other_than_digits_is_not_fix() {
        for bytes in [
            &b"8=FIX.4.4\x019=x"[..],
            b"8=FIX.4.4\x0135=A",
            b"8=FIX\x019=62\x01",
        ] {
            let judged = probe(&Speech::stream(1024, bytes, false));
            assert!(matches!(judged, Err(Fault::Wrong(_))));
        }
    }
}
