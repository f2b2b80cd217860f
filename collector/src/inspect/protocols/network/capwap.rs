//! CAPWAP of wireless access points (RFC 5415, sections 4.1 to 4.5), on its ports: DTLS behind four
//! bytes, or a header and behind it, on the port of control, a message with its length.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CAPWAP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const CONTROL: u16 = 5246;
const DATA: u16 = 5247;
/// To configure a wireless LAN: of IEEE's own number (RFC 5416, section 3).
const LAN_REQUEST: u32 = 0x0033_dd01;
const LAN_RESPONSE: u32 = 0x0033_dd02;

fn probe(speech: &Speech<'_>) -> Verdict {
    let control_port = speech.on_port(CONTROL);
    Reader::require(control_port || speech.on_port(DATA), "port")?;
    let mut reader = speech.reader();
    match reader.u8("preamble")? {
        0 => header(&mut reader, control_port)?,
        1 => {
            reader.magic(b"\0\0\0", "reserved")?;
            Reader::require(
                (20..=23).contains(&reader.u8("record type")?),
                "record type",
            )?;
            Reader::require(
                matches!(reader.u16("version")?, 0xfeff | 0xfefd | 0x0100),
                "version",
            )?;
        }
        _ => return Err(Fault::Wrong("preamble")),
    }
    Ok(Finding::default())
}

/// Its length counts words of four bytes, the eight fixed bytes among them.
fn header(reader: &mut Reader<'_>, control_port: bool) -> Result<(), Fault> {
    let fields = reader.u24("header")?;
    let words = usize::from(u8::try_from(fields >> 19).unwrap_or(0));
    let wireless = fields >> 9 & 0x1f;
    Reader::require(words >= 2 && wireless <= 3, "header")?;
    reader.u16("fragment")?;
    Reader::require(reader.u16("fragment offset")? & 0x07 == 0, "reserved")?;
    reader.take(words * 4 - 8, "header")?;
    if !control_port {
        return Ok(());
    }
    let kind = reader.u32("message type")?;
    Reader::require(
        matches!(kind, 1..=26 | LAN_REQUEST | LAN_RESPONSE),
        "message type",
    )?;
    reader.u8("sequence number")?;
    // The length counts itself and what follows.
    let length = usize::from(reader.u16("length")?);
    let fragment = fields & 0x80 != 0;
    let fits = (3..=reader.rest().len() + 2).contains(&length);
    Reader::require(fragment || fits, "length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            5246,
            &[Opener(
                b"\0\x10\x02\0\0\0\0\0\0\0\0\x01\0\0\x08\0\0\x14\0\x01\0",
            )],
            "CAPWAP",
        ),
        Talk::udp(
            5246,
            &[Opener(
                b"\x01\0\0\0\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x10\x01\0\0\x04\0\0\0\0\0\0\
                    \0\x04\0\0\0\0",
            )],
            "CAPWAP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn a_message_of_another_length_or_type_is_not_capwap() {
        let request = b"\0\x10\x02\0\0\0\0\0\0\0\0\x01\0\0\x03\0";
        assert!(certain(5246, request) && !certain(5248, request));
        assert!(!certain(5246, &request[..15]));
        assert!(!certain(5246, b"\x01\0\0\0\x16\x03\x03\0"));
    }
}
