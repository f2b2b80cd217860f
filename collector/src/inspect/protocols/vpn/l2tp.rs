//! L2TP by its control messages, version 2 (RFC 2661, sections 3.1 and 4.1) and 3 over UDP (RFC
//! 3931, sections 4.1.2 and 5.4): the first attribute names the message.

use crate::inspect::{
    Label,
    reader::Reader,
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
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(CONTROL.contains(&reader.u16("flags")?), "flags")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require(length == speech.bytes.len(), "length")?;
    reader.u32("tunnel and session")?;
    reader.u32("sequence numbers")?;
    if reader.at_end() {
        // An acknowledgement has no attribute.
        Reader::require(speech.on_port(PORT), "port")?;
        return Ok(Finding::default());
    }
    // Eight bytes, of the standard, for the message's kind; to be understood, mostly.
    let attribute = reader.u16("attribute")?;
    Reader::require(attribute & 0x7fff == 8, "attribute")?;
    reader.magic(b"\0\0\0\0", "message attribute")?;
    let message = reader.u16("message")?;
    Reader::require((1..=LAST_MESSAGE).contains(&message), "message")?;
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
        1701,
        &[
            Opener(b"\xc8\x02\0\x1c\0\0\0\0\0\0\0\0\x80\x08\0\0\0\0\0\x01\x80\x08\0\0\0\x02\x01\0"),
            Responder(b"\xc8\x02\0\x0c\0\x01\0\0\0\0\0\x01"),
        ],
        "L2TP",
    )];

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
    fn an_acknowledgement_counts_on_its_port_alone() {
        let bytes = b"\xc8\x02\0\x0c\0\x01\0\0\0\0\0\x01";
        assert!(probe(&Speech::datagram(1701, bytes)).is_ok());
        assert!(probe(&Speech::datagram(40_000, bytes)).is_err());
    }
}
