//! BACnet/IP (ASHRAE 135, annex J.2): its type, a function, its own length, and the network layer's
//! version where the function is to forward a message.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BACnet"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 47_808;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\x81", "type")?;
    let function = reader.u8("function")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require(length == speech.bytes.len(), "length")?;
    match function {
        0x04 => {
            reader.take(6, "original address")?;
            reader.magic(b"\x01", "network version")?;
        }
        0x09..=0x0b => reader.magic(b"\x01", "network version")?,
        0x00..=0x08 | 0x0c => Reader::require(speech.on_port(PORT), "port")?,
        _ => return Err(Fault::Wrong("function")),
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

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        47808,
        &[
            Opener(b"\x81\x0b\0\x0c\x01 \xff\xff\0\xff\x10\x08"),
            Responder(
                b"\x81\x0b\0\x18\x01 \xff\xff\0\xff\x10\0\xc4\x02\0\x03\xe9\"\x01\xe0\
                    \x91\x03\"\x01",
            ),
        ],
        "BACnet",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s() {
        assert!(
            certain(40_000, b"\x81\x0b\0\x06\x01\x20")
                && !certain(47_808, b"\x81\x0b\0\x07\x01\x20")
        );
        assert!(certain(47_808, b"\x81\0\0\x06\0\0") && !certain(40_000, b"\x81\0\0\x06\0\0"));
        assert!(!certain(47_808, b"\x81\x0d\0\x04"));
    }
}
