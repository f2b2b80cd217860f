//! MQTT 3.1, 3.1.1 and 5.0 (OASIS MQTT Version 5.0, section 2.1, 3.1 and 3.2; MQTT V3.1 Protocol
//! Specification), by the client's CONNECT and the broker's CONNACK.

use crate::inspect::{
    Label,
    protocols::varint::varint,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MQTT"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1883;
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    match reader.u8("packet type")? {
        CONNECT => {
            let length = remaining(&mut reader)?;
            connect(reader.part(length, "CONNECT")?)?;
            Ok(Finding::default())
        }
        CONNACK => {
            let length = remaining(&mut reader)?;
            acknowledgement(reader.part(length, "CONNACK")?, length)?;
            // Three bytes of small numbers: other protocols begin so too.
            Reader::require(speech.on_port(PORT), "port")?;
            Ok(Finding::default())
        }
        _ => Err(Fault::Wrong("packet type")),
    }
}

/// The length of what follows, of at most four bytes.
fn remaining(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let length = varint(reader, 4, "remaining length")?;
    usize::try_from(length).map_err(|_| Fault::Wrong("remaining length"))
}

fn connect(mut packet: Reader<'_>) -> Result<(), Fault> {
    let name = match packet.u16("protocol name")? {
        4 => &b"MQTT"[..],
        6 => b"MQIsdp",
        _ => return Err(Fault::Wrong("protocol name")),
    };
    packet.magic(name, "protocol name")?;
    let level = packet.u8("protocol level")?;
    // A bridge sets the top bit.
    Reader::require(matches!(level & 0x7f, 3..=5), "protocol level")
}

/// Whether a session is present, and why the broker refuses; since version 5, properties.
fn acknowledgement(mut packet: Reader<'_>, length: usize) -> Result<(), Fault> {
    let session = packet.u8("flags")?;
    let reason = packet.u8("reason")?;
    let refused = reason <= 5 || (0x80..=0x9f).contains(&reason);
    Reader::require(session <= 1 && refused, "CONNACK")?;
    let properties = match length {
        2 => 0,
        _ => remaining(&mut packet)? + 1,
    };
    Reader::require(length < 130 && length == 2 + properties, "properties")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client of version 3.1.1, and one of 3.1.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1883,
            &[
                Opener(b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04ab-1"),
                Responder(b"\x20\x02\0\0"),
            ],
            "MQTT",
        ),
        Talk::tcp(
            1883,
            &[Opener(b"\x10\x12\0\x06MQIsdp\x03\x02\0\x3c\0\x04ab-1")],
            "MQTT",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn the_length_may_take_two_bytes() {
        assert!(judge(40_000, b"\x10\x9a\x02\0\x04MQTT\x04\xc0").is_ok());
        assert!(judge(1883, b"\x10\xff\xff\xff\xff\x01").is_err());
    }

    #[test]
    fn a_name_that_is_cut_off_may_still_become_one() {
        let cut = judge(1883, b"\x10\x10\0\x04MQ").unwrap_err();
        assert_eq!(cut, Fault::Short("protocol name"));
        let other = judge(1883, b"\x10\x10\0\x04MX").unwrap_err();
        assert_eq!(other, Fault::Wrong("protocol name"));
    }

    #[test]
    fn an_acknowledgement_alone_counts_on_the_port_only() {
        assert!(!judge(1883, b"\x20\x02\0\0").unwrap().likely);
        assert!(judge(40_000, b"\x20\x02\0\0").is_err());
        assert!(!judge(1883, b"\x20\x06\0\0\x03\x21\0\x14").unwrap().likely);
        assert!(judge(1883, b"\x20\x02\x02\0").is_err());
    }
}
