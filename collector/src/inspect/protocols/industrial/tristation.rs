//! TriStation of Triconex safety controllers. The vendor publishes no description; the rule rests
//! on its port, a message type, a channel, and the length of the data between the header and a
//! check sum.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TriStation"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1502;
/// Type, channel and length; and the check sum.
const FRAME: usize = 6;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    let kind = reader.u8("message type")?;
    Reader::require((1..=11).contains(&kind), "message type")?;
    Reader::require(reader.u8("channel")? == 0, "channel")?;
    let length = usize::from(reader.u16_le("length")?);
    Reader::require(length + FRAME == speech.bytes.len(), "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(1502, &[Opener(b"\x06\0\0\0\x05(")], "TriStation"),
        Talk::udp(1502, &[Opener(b"\x05\0\x02\0\x01\0\xab\xcd")], "TriStation"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s() {
        assert!(certain(1502, b"\x06\0\0\0\x05\x28") && !certain(1503, b"\x06\0\0\0\x05\x28"));
        assert!(!certain(1502, b"\x06\0\x01\0\x05\x28") && !certain(1502, b"\x0c\0\0\0\x05\x28"));
    }
}
