//! DRDA, the protocol of Db2, Derby and Informix (The Open Group, DRDA Volume 3: Distributed Data
//! Management Architecture, "DSS"): the header of a data stream and that of the command in it.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DRDA"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Registered, and those that Db2 and Derby take.
const PORTS: [u16; 5] = [446, 447, 448, 50_000, 1527];
/// The exchange of server attributes, and its reply.
const OPENING: [u16; 2] = [0x1041, 0x1443];
const MAGIC: u8 = 0xd0;
/// Of the two headers' lengths.
const DIFFERENCE: u16 = 6;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let stream = reader.u16("stream length")?;
    reader.magic(&[MAGIC], "magic")?;
    let format = reader.u8("format")?;
    // Request, reply, object, communication, request without reply; above them the chaining.
    let known = matches!(format & 0x0f, 1..=5) && format & 0x80 == 0;
    Reader::require(known, "format")?;
    reader.u16("correlation")?;
    let command = reader.u16("command length")?;
    Reader::require(command.checked_add(DIFFERENCE) == Some(stream), "lengths")?;
    let code = reader.u16("code point")?;
    // Commands, replies and objects.
    Reader::require(matches!(code >> 8, 0x0c..=0x24), "code point")?;
    let opens = OPENING.contains(&code);
    // A client may have taken 50000 for its own.
    Ok(Finding::certain_if(opens || PORTS.contains(&speech.port)))
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

    /// Both sides exchange their attributes.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        50_000,
        &[
            Opener(b"\0\x12\xd0\x41\0\x01\0\x0c\x10\x41\0\x08\x11\x5e\xc4\xc2\xf2\x40"),
            Responder(b"\0\x12\xd0\x43\0\x01\0\x0c\x14\x43\0\x08\x11\x5e\xc4\xc2\xf2\x40"),
        ],
        "DRDA",
    )];

    #[test]
    fn lengths_have_to_agree() {
        let bytes = b"\0\x12\xd0\x41\0\x01\0\x0d\x10\x41";
        let judged = probe(&Speech::stream(50_000, bytes, false)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("lengths"));
    }

    #[test]
    fn away_from_its_ports_only_the_exchange_of_attributes_is_certain() {
        let likely = |port, bytes| probe(&Speech::stream(port, bytes, false)).unwrap().likely;
        let statement = b"\0\x12\xd0\x41\0\x01\0\x0c\x20\x0b";
        assert!(likely(40_000, statement) && !likely(50_000, statement));
        assert!(!likely(40_000, b"\0\x12\xd0\x41\0\x01\0\x0c\x10\x41"));
    }
}
