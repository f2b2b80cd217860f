//! DLEP between routers and radios (RFC 8175, sections 11 to 13): signals begin with the protocol's
//! name, messages over TCP count on its port and with items up to their end.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DLEP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 854;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Udp {
        reader.magic(b"DLEP", "signal")?;
        Reader::require(matches!(reader.u16("signal")?, 1 | 2), "signal")?;
        let length = usize::from(reader.u16("length")?);
        Reader::require(length == reader.rest().len(), "length")?;
        return Ok(Finding::default());
    }
    Reader::require(speech.on_port(PORT), "port")?;
    Reader::require((1..=16).contains(&reader.u16("message")?), "message")?;
    let mut items = reader.part16("items")?;
    while !items.at_end() {
        Reader::require((1..=28).contains(&items.u16("item")?), "item")?;
        items.part16("item")?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(854, &[Opener(b"DLEP\0\x01\0\n\0\x04\0\x06router")], "DLEP"),
        Talk::tcp(
            854,
            &[
                Opener(b"\0\x01\0\x10\0\x05\0\x04\0\0\xea`\0\x06\0\x04\xff\xf1\xff\xf4"),
                Responder(b"\0\x02\0\x09\0\x01\0\x05\0\x04\0\0\0"),
            ],
            "DLEP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn a_signal_has_its_own_length() {
        assert!(certain(40_000, b"DLEP\0\x01\0\0") && !certain(854, b"DLEP\0\x01\0\x01"));
        assert!(!certain(854, b"DLEP\0\x03\0\0"));
    }
}
