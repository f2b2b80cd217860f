//! OpenWire by the WireFormatInfo that both sides begin with (Apache ActiveMQ, "OpenWire Version 2
//! Specification", "Wire format negotiation"): size, type, magic.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("OpenWire"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const WIRE_FORMAT_INFO: u8 = 1;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let size = reader.u32("size")?;
    Reader::require((13..0x1_0000).contains(&size), "size")?;
    reader.magic(&[WIRE_FORMAT_INFO], "data type")?;
    reader.magic(b"ActiveMQ", "magic")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// Both sides offer version 12.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        61_616,
        &[
            Opener(b"\0\0\x01\x46\x01ActiveMQ\0\0\0\x0c\x01\0\0\x01\x34"),
            Responder(b"\0\0\x01\x46\x01ActiveMQ\0\0\0\x0c\x01\0\0\x01\x34"),
        ],
        "OpenWire",
    )];

    #[test]
    fn another_command_is_not_taken_for_the_first() {
        let bytes = b"\0\0\x01\x46\x02ActiveMQ";
        assert!(probe(&Speech::stream(61_616, bytes, false)).is_err());
    }
}
