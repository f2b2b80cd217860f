//! Cisco's Skinny Client Control Protocol: length, version of the header and message, little-endian.
//! The vendor publishes no description; the rule rests on the ranges of the three, in two messages
//! in a row or on the port.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CiscoSkinny"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 2000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let first = message(&mut reader)?;
    let registered = speech.on_port(PORT);
    Reader::require(first != BASIC || registered, "header version")?;
    if !registered {
        let second = message(&mut reader)?;
        Reader::require(second == first, "header version")?;
    }
    Ok(Finding::default())
}

/// The header version before Communications Manager 7.
const BASIC: u32 = 0;

/// Reads a message; its header version.
fn message(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let length = reader.u32_le("length")?;
    Reader::require((4..=2048).contains(&length), "length")?;
    let version = reader.u32_le("header version")?;
    let known = matches!(version, BASIC | 0x11..=0x16);
    Reader::require(known, "header version")?;
    let kind = reader.u32_le("message")?;
    Reader::require(matches!(kind, 0..=0x4b | 0x81..=0x160), "message")?;
    // The length counts from the message's kind on.
    let rest = usize::try_from(length - 4).map_err(|_| Fault::Wrong("length"))?;
    reader.take(rest, "message")?;
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            2000,
            &[
                Opener(b"\x10\0\0\0\x14\0\0\0\x26\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0"),
                Responder(b"\x08\0\0\0\x14\0\0\0\x88\0\0\0\x01\0\0\0"),
            ],
            "CiscoSkinny",
        ),
        Talk::tcp(
            2000,
            &[Opener(b"\x04\0\0\0\0\0\0\0\0\0\0\0")],
            "CiscoSkinny",
        ),
        Talk::tcp(
            40_001,
            &[Opener(
                b"\x08\0\0\0\x14\0\0\0\x88\0\0\0\x01\0\0\0\x04\0\0\0\x14\0\0\0\0\0\0\0",
            )],
            "CiscoSkinny",
        ),
    ];

    #[test]
    fn a_header_of_another_version_or_message_is_not_skinny() {
        for bytes in [
            &b"\x08\0\0\0\x10\0\0\0\x88\0\0\0\x01\0\0\0"[..],
            b"\x08\0\0\0\x14\0\0\0\x60\0\0\0\x01\0\0\0",
            b"\x03\0\0\0\x14\0\0\0\x88\0\0\0",
        ] {
            let verdict = probe(&Speech::stream(2000, bytes, false));
            assert!(matches!(verdict, Err(Fault::Wrong(_))), "{bytes:?}");
        }
    }
}
