//! LDP (RFC 5036, sections 3.1 and 3.5): version, lengths that fit one another, and a message type.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LDP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 646;
/// Behind the PDU's length: the identifier of the speaker.
const IDENTIFIER: u16 = 6;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    Reader::require(reader.u16("version")? == 1, "version")?;
    let pdu = reader.u16("PDU length")?;
    reader.take(usize::from(IDENTIFIER), "identifier")?;
    let kind = reader.u16("message type")? & 0x7fff;
    let known =
        matches!(kind, 0x0001 | 0x0100 | 0x0200..=0x0202 | 0x0300 | 0x0301 | 0x0400..=0x0404);
    Reader::require(known, "message type")?;
    let message = reader.u16("message length")?;
    // Type and length of the message itself.
    let alone = message.checked_add(IDENTIFIER + 4);
    let fits = alone.is_some_and(|alone| alone == pdu || (alone < pdu && speech.on_port(PORT)));
    Reader::require(fits, "message length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            646,
            &[Opener(
                b"\0\x01\0\x1e\xc0\0\x02\x01\0\0\x01\0\0\x14\0\0\0\x01\x04\0\0\x04\0\
                    \x0f\xc0\0\x04\x01\0\x04\xc0\0\x02\x01",
            )],
            "LDP",
        ),
        Talk::tcp(
            646,
            &[Opener(
                b"\0\x01\0 \xc0\0\x02\x01\0\0\x02\0\0\x16\0\0\0\x02\x05\0\0\x0e\0\x01\
                    \0\x1e\0\0\x10\0\0\0\xc0\0\x02\x02\0\0",
            )],
            "LDP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn lengths_must_fit_one_another() {
        let hello = b"\0\x01\0\x16\xc0\0\x02\x01\0\0\x01\0\0\x0c";
        assert!(certain(40_000, hello));
        let mut longer = *hello;
        longer[3] = 0x20;
        assert!(certain(646, &longer) && !certain(40_000, &longer));
        longer[3] = 0x10;
        assert!(!certain(646, &longer));
    }
}
