//! L2TP by its control messages, version 2 (RFC 2661, sections 3.1 and 4.1) and 3 over UDP (RFC
//! 3931, sections 4.1.2 and 5.4): the first attribute names the message. Data alone on its port is
//! known by two datagrams of one session.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("L2TP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1701;
/// A control message with length and sequence numbers, of version 2 and of version 3.
const CONTROL: [u16; 2] = [0xc802, 0xc803];
/// Link status (RFC 2661: 16; RFC 3931: 20, explicit acknowledgement).
const LAST_MESSAGE: u16 = 20;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes.first() {
        Some(0xc8) => control(speech)?,
        _ => {
            Reader::require(speech.on_port(PORT), "port")?;
            let session = data(speech.bytes)?;
            let mut earlier = speech.earlier.datagrams();
            let again = earlier.any(|bytes| data(bytes) == Ok(session));
            Reader::require(again, "second datagram of the session")?;
        }
    }
    Ok(Finding::default())
}

fn control(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(CONTROL.contains(&reader.u16("flags")?), "flags")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require(length == speech.bytes.len(), "length")?;
    reader.u32("tunnel and session")?;
    reader.u32("sequence numbers")?;
    if reader.at_end() {
        // An acknowledgement has no attribute.
        return Reader::require(speech.on_port(PORT), "port");
    }
    // Eight bytes, of the standard, for the message's kind; to be understood, mostly.
    let attribute = reader.u16("attribute")?;
    Reader::require(attribute & 0x7fff == 8, "attribute")?;
    reader.magic(b"\0\0\0\0", "message attribute")?;
    let message = reader.u16("message")?;
    Reader::require((1..=LAST_MESSAGE).contains(&message), "message")
}

/// Tunnel and session of a message with data.
fn data(bytes: &[u8]) -> Result<u32, Fault> {
    const LENGTH: u16 = 0x4000;
    let mut reader = Reader::whole(bytes);
    let flags = reader.u16("flags")?;
    // Without length, sequence, offset and priority only the version is left.
    Reader::require(flags & !0x4b00 == 2, "flags")?;
    if flags & LENGTH != 0 {
        let length = usize::from(reader.u16("length")?);
        Reader::require(length == bytes.len(), "length")?;
    }
    let session = reader.u32("tunnel and session")?;
    Reader::require(session >> 16 != 0 && session & 0xffff != 0, "session")?;
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1701,
            &[
                Opener(
                    b"\xc8\x02\0\x1c\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x01\x80\x08\0\0\0\x02\x01\0",
                ),
                Responder(b"\xc8\x02\0\x0c\0\x01\0\0\0\0\0\x01"),
            ],
            "L2TP",
        ),
        Talk::udp(
            1701,
            &[
                Opener(b"\x40\x02\0\x0e\0\x01\0\x02\xff\x03\xc0\x21\x01\x01"),
                Opener(b"\x40\x02\0\x0f\0\x01\0\x02\xff\x03\xc0\x21\x01\x02\0"),
            ],
            "L2TP",
        ),
    ];

    #[test]
    fn the_length_is_the_datagram_s_and_the_first_attribute_names_the_message() {
        let judged = |bytes| probe(&Speech::datagram(1701, bytes)).is_ok();
        assert!(judged(
            b"\xc8\x03\0\x14\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x06"
        ));
        assert!(!judged(
            b"\xc8\x02\0\x15\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x06"
        ));
        assert!(!judged(
            b"\xc8\x02\0\x14\0\0\0\0\0\0\0\0\x80\x08\0\0\0\x01\0\x06"
        ));
        assert!(!judged(
            b"\xc8\x02\0\x14\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x40"
        ));
    }

    #[test]
    fn data_of_another_version_or_of_no_session_is_not_l2tp() {
        assert_eq!(data(b"\0\x02\0\x01\0\x02\xff\x03"), Ok(0x0001_0002));
        assert!(data(b"\0\x03\0\x01\0\x02\xff\x03").is_err());
        assert!(data(b"\0\x02\0\0\0\x02\xff\x03").is_err());
        assert!(data(b"\x40\x02\0\x0a\0\x01\0\x02\xff").is_err());
    }

    #[test]
    fn an_acknowledgement_counts_on_its_port_alone() {
        let bytes = b"\xc8\x02\0\x0c\0\x01\0\0\0\0\0\x01";
        assert!(probe(&Speech::datagram(1701, bytes)).is_ok());
        assert!(probe(&Speech::datagram(40_000, bytes)).is_err());
    }
}
