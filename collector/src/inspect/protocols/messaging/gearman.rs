//! Gearman's binary packets (Gearman protocol, "Binary Packet"): `\0REQ` or `\0RES`, type, size.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Gearman"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\0RE", "magic")?;
    let side = reader.u8("magic")?;
    Reader::require(matches!(side, b'Q' | b'S'), "magic")?;
    let kind = reader.u32("type")?;
    Reader::require((1..=42).contains(&kind), "type")?;
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

    /// A client submits a job.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4730,
        &[
            Opener(b"\0REQ\0\0\0\x07\0\0\0\x0creverse\0\0test"),
            Responder(b"\0RES\0\0\0\x08\0\0\0\x09H:lap:1\0\0"),
        ],
        "Gearman",
    )];

    #[test]
    fn a_packet_of_an_unknown_type_is_not_gearman() {
        let bytes = b"\0REQ\0\0\x01\0\0\0\0\0";
        let judged = probe(&Speech::stream(4730, bytes, false)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("type"));
    }
}
