//! WhatsApp by the client's greeting: routing information where it has some, then the two letters,
//! a version and the first frame, of Noise or of what came before it. The vendor's security
//! whitepaper names the handshake only; the rule rests on the letters and the frame's beginning.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WhatsApp"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == Some(&b'E') {
        routing(&mut reader)?;
    } else {
        greeting(&mut reader)?;
    }
    Ok(Finding::default())
}

fn routing(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"ED\0\x01", "routing mark")?;
    let length = reader.u24("routing length")?;
    Reader::require(length <= 1024, "routing length")
}

/// The letters, the version and the head of a frame.
fn greeting(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"WA", "greeting")?;
    Reader::require((1..=9).contains(&reader.u8("version")?), "version")?;
    Reader::require(reader.u8("version")? <= 9, "version")?;
    let length = reader.u24("frame length")?;
    Reader::require((2..=4096).contains(&length), "frame length")?;
    // A message of the client's in Protobuf, or a list of the older protocol.
    let first = reader.u8("frame")?;
    Reader::require(matches!(first, 0x12 | 0xf8), "frame")
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
            5222,
            &[
                Opener(b"ED\0\x01"),
                Opener(b"\0\0\x04\x08\x08\x09\x02WA\x05\x02\0\x01\x0e\x12\x8b\x02\x0a\x20"),
                Responder(b"\0\x01\x5e\x1a\xdb\x02"),
            ],
            "WhatsApp",
        ),
        Talk::tcp(
            443,
            &[Opener(b"WA\x06\x03\0\0\x24\x12\x22\x0a\x20")],
            "WhatsApp",
        ),
        Talk::tcp(
            443,
            &[Opener(
                b"WA\x01\x05\0\0\x17\xf8\x05\x01\xa5\x91\x89\xfc\x0f",
            )],
            "WhatsApp",
        ),
    ];

    #[test]
    fn other_text_that_begins_alike_is_not_whatsapp() {
        for bytes in [&b"WATER"[..], b"EDIT x\r\n", b"WA\x06\x03\0\0\x24\x13"] {
            assert!(probe(&Speech::stream(5222, bytes, false)).is_err());
        }
    }
}
