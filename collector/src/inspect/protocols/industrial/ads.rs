//! Beckhoff's ADS over TCP (AMS/TCP and AMS headers): two lengths that fit each other, a command
//! and flags. Over UDP the router's discovery, by its magic number.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BeckhoffADS"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const AMS_HEADER: u32 = 32;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Udp {
        reader.magic(b"\x03\x66\x14\x71", "magic number")?;
        return Ok(Finding::default());
    }
    Reader::require(reader.u16("reserved")? == 0, "reserved")?;
    let length = reader.u32_le("length")?;
    Reader::require(length >= AMS_HEADER, "length")?;
    reader.take(16, "addresses")?;
    Reader::require(reader.u16_le("command")? <= 9, "command")?;
    // ADS, as a command or an answer to one.
    Reader::require(reader.u16_le("flags")? & !0x41 == 0x04, "flags")?;
    let data = reader.u32_le("data length")?;
    Reader::require(data == length - AMS_HEADER, "data length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            48898,
            &[Opener(
                b"\0\0 \0\0\0\x05\x06\x07\x08\x01\x01S\x03\n\x0b\x0c\r\x01\x01\x88\x13\
                    \x01\0\x04\0\0\0\0\0\0\0\0\0\x01\0\0\0",
            )],
            "BeckhoffADS",
        ),
        Talk::udp(
            48899,
            &[Opener(
                b"\x03f\x14q\0\0\0\0\x01\0\0\0\x05\x06\x07\x08\x01\x01\x10'",
            )],
            "BeckhoffADS",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_lengths_must_fit_each_other() {
        let Opener(request) = TALKS[0].turns[0] else {
            panic!()
        };
        assert!(certain(40_000, request));
        let mut other = request.to_vec();
        other[2] = 0x21;
        assert!(!certain(48_898, &other));
        other[2] = 0x1f;
        assert!(!certain(48_898, &other));
    }
}
