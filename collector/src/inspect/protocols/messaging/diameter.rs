//! Diameter (RFC 6733, section 3 and 4.1): the header of a message and that of its first AVP.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Diameter"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[1], "version")?;
    let length = reader.u24("length")?;
    let sized = length % 4 == 0 && (28..0x10_0000).contains(&length);
    Reader::require(sized, "length")?;
    let flags = reader.u8("flags")?;
    // The low four are reserved, and an error is not asked for.
    Reader::require(flags & 0x0f == 0 && flags & 0xa0 != 0xa0, "flags")?;
    let command = reader.u24("command")?;
    // The base protocol's and its applications' (IANA), and those of 3GPP (TS 29.230).
    let known = matches!(command, 257..=330 | 8_388_608..=8_388_799);
    Reader::require(known, "command")?;
    reader.take(12, "application and identifiers")?;
    first_avp(&mut reader, length - 20)?;
    Ok(Finding::default())
}

/// Code, flags and length; within the `room` that the message has for it.
fn first_avp(reader: &mut Reader<'_>, room: u32) -> Result<(), Fault> {
    let code = reader.u32("AVP code")?;
    let flags = reader.u8("AVP flags")?;
    let length = reader.u24("AVP length")?;
    Reader::require(code != 0 && flags & 0x1f == 0, "AVP")?;
    Reader::require((8..=room).contains(&length), "AVP length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A peer's watchdog.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        3868,
        &[
            Opener(
                b"\x01\0\0\x2c\x80\0\x01\x18\0\0\0\0\x02\xea\x49\x30\x26\xf0\0\x03\
                    \0\0\x01\x08\x40\0\0\x16host.example.o\0\0",
            ),
            Responder(
                b"\x01\0\0\x2c\0\0\x01\x18\0\0\0\0\x02\xea\x49\x30\x26\xf0\0\x03\
                    \0\0\x01\x0c\x40\0\0\x0c\0\0\x07\xd1",
            ),
        ],
        "Diameter",
    )];

    #[test]
    fn reserved_bits_and_an_avp_longer_than_its_message_are_not_diameter() {
        for (bytes, part) in [
            (&b"\x01\0\0\x2c\x81\0\x01\x18"[..], "flags"),
            (b"\x01\0\0\x2b\x80\0\x01\x18", "length"),
            (b"\x01\0\0\x2c\x80\x01\x01\x18", "command"),
            (
                b"\x01\0\0\x1c\x80\0\x01\x18\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\x01\x08\x40\0\0\x09",
                "AVP length",
            ),
        ] {
            let judged = probe(&Speech::stream(3868, bytes, false));
            assert_eq!(judged.unwrap_err(), Fault::Wrong(part));
        }
    }
}
