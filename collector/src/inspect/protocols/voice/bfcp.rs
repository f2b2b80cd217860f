//! BFCP, control of who has the floor in a conference (RFC 8855, sections 5.1 and 5.2). The header
//! fixes few bits, so the other side has to answer with the same conference, transaction and user.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BFCP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let header = header(&mut reader)?;
    if answered(speech, &header) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("answer"))
}

/// Primitive, and what a request and its response share.
#[derive(PartialEq)]
struct Header {
    primitive: u8,
    conference: u32,
    transaction: u16,
    user: u16,
}

fn header(reader: &mut Reader<'_>) -> Result<Header, Fault> {
    let first = reader.u8("version")?;
    // Version 1 over reliable transports, 2 over others; no reserved bit.
    Reader::require(matches!(first >> 5, 1 | 2) && first & 0x07 == 0, "version")?;
    let primitive = reader.u8("primitive")?;
    Reader::require(matches!(primitive, 1..=18), "primitive")?;
    let length = reader.u16("payload length")?;
    Reader::require(length <= 512, "payload length")?;
    Ok(Header {
        primitive,
        conference: reader.u32("conference")?,
        transaction: reader.u16("transaction")?,
        user: reader.u16("user")?,
    })
}

fn answered(speech: &Speech<'_>, header: &Header) -> bool {
    let answers = |bytes: &[u8]| {
        self::header(&mut Reader::open(bytes)).is_ok_and(|other| {
            other.primitive != header.primitive
                && other.conference == header.conference
                && other.transaction == header.transaction
                && other.user == header.user
        })
    };
    let told = header.conference != 0 || header.user != 0;
    match speech.transport {
        Transport::Udp => told && speech.other.datagrams().any(answers),
        Transport::Tcp => told && answers(speech.other.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{self, Opener, Responder},
    };

    /// A floor is released, and its status given.
    const TURNS: &[Turn] = &[
        Opener(b"\x20\x02\0\x01\0\0\0\x01\0\x02\x05\x04\x07\x04\0\x01"),
        Responder(b"\x20\x04\0\x01\0\0\0\x01\0\x02\x05\x04\x0b\x04\x05\x01"),
    ];

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(5070, TURNS, "BFCP"),
        Talk::udp(5070, TURNS, "BFCP"),
    ];

    #[test]
    fn a_header_without_its_answer_is_not_yet_bfcp() {
        let bytes = b"\x20\x02\0\x01\0\0\0\x01\0\x02\x05\x04\x07\x04\0\x01";
        let verdict = probe(&Speech::datagram(5070, bytes));
        assert_eq!(verdict.unwrap_err(), Fault::Short("answer"));
    }
}
