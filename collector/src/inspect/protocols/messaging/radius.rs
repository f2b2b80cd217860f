//! RADIUS and its accounting (RFC 2865, section 3 and 5; RFC 2866; RFC 5176): code, length, and
//! attributes that fill the datagram.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Radius"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Authentication and accounting, as registered and as before; authorization.
const PORTS: [u16; 6] = [1812, 1813, 1645, 1646, 3799, 1700];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let code = reader.u8("code")?;
    // Access, accounting, challenge, status; disconnection and change of authorization.
    Reader::require(matches!(code, 1..=5 | 11..=13 | 40..=45), "code")?;
    reader.u8("identifier")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require(length == speech.bytes.len(), "length")?;
    reader.take(16, "authenticator")?;
    let numbers = attributes(&mut reader)?;
    Ok(Finding::certain_if(numbers >= 2 || speech.on_ports(&PORTS)))
}

/// How many attributes are numbers or addresses, which have one length only.
fn attributes(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let mut numbers = 0;
    while !reader.at_end() {
        let kind = reader.u8("attribute type")?;
        let length = reader.u8("attribute length")?;
        Reader::require(kind != 0 && length >= 2, "attribute")?;
        reader.take(usize::from(length) - 2, "attribute")?;
        // NAS address and port, service, protocol, user's address, timeouts; accounting's counters.
        if matches!(kind, 4..=10 | 12..=16 | 27..=29 | 40..=43 | 45..=49 | 51..=53 | 55 | 61) {
            Reader::require(length == 6, "number")?;
            numbers += 1;
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A user is refused.
    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        1812,
        &[
            Opener(
                b"\x01\x05\0\x26\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\
                    \x01\x06user\x04\x06\xc0\0\x02\x01\x05\x06\0\0\0\x03",
            ),
            Responder(
                b"\x03\x05\0\x14\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
            ),
        ],
        "Radius",
    )];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::datagram(port, bytes))
    }

    #[test]
    fn a_message_without_numbers_is_certain_on_the_ports_only() {
        let reject =
            b"\x03\x05\0\x14\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
        assert!(!judge(1812, reject).unwrap().likely);
        assert!(judge(40_000, reject).unwrap().likely);
    }

    #[test]
    fn attributes_have_to_fill_the_datagram_and_numbers_have_four_bytes() {
        let overrun = b"\x03\x05\0\x17\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x01\x06u";
        assert_eq!(judge(1812, overrun).unwrap_err(), Fault::Wrong("attribute"));
        let number = b"\x03\x05\0\x17\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x05\x03u";
        assert_eq!(judge(1812, number).unwrap_err(), Fault::Wrong("number"));
    }
}
