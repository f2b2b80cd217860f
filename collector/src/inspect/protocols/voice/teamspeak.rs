//! TeamSpeak: the first message of version 3, the log-in of version 2, which has no session yet, and
//! the requests to the list of servers on port 2010. The vendor publishes no description; the rule
//! rests on eight fixed bytes, on the zeros of the missing session, and on the running number.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TeamSpeak"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of the list of servers.
const LIST: u16 = 2010;

fn probe(speech: &Speech<'_>) -> Verdict {
    if speech.on_port(LIST) {
        return listing(speech);
    }
    let mut reader = Reader::whole(speech.bytes);
    if speech.bytes.first() == Some(&0xf4) {
        // Class, type, session, client.
        reader.magic(b"\xf4\xbe\x03\0\0\0\0\0\0\0\0\0", "log-in")?;
    } else {
        // Packet 101, and from a client its number and flags.
        reader.magic(b"TS3INIT1\0\x65", "tag")?;
    }
    Ok(Finding::default())
}

/// Two messages of consecutive numbers, or a request and the answer of its number.
fn listing(speech: &Speech<'_>) -> Verdict {
    let number = list_message(speech.bytes)?;
    let near =
        |older: &[u8]| list_message(older).is_ok_and(|older| number.wrapping_sub(older) <= 1);
    let mut heard = speech.earlier.datagrams().chain(speech.other.datagrams());
    if heard.any(near) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

/// Version, number, command: a token is asked for (1) or the server announced (2).
fn list_message(bytes: &[u8]) -> Result<u16, Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(&[1], "version")?;
    let number = reader.u16_le("number")?;
    let command = reader.u8("command")?;
    let fits = matches!((command, bytes.len()), (1, 4 | 8) | (2, 5 | 16..));
    Reader::require(fits, "command")?;
    Ok(number)
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
            9987,
            &[Opener(
                b"TS3INIT1\0\x65\0\0\x88\x0d\xd0\x57\x66\0\x5f\x59\x16\xe0\xad\xe7\x6b\x61\0\0\0\0\
                \0\0\0\0",
            )],
            "TeamSpeak",
        ),
        Talk::udp(
            8767,
            &[Opener(
                b"\xf4\xbe\x03\0\0\0\0\0\0\0\0\0\x01\0\0\0\x12\x34\x56\x78\x09TeamSpeak",
            )],
            "TeamSpeak",
        ),
        Talk::udp(
            2010,
            &[
                Opener(b"\x01\x80\x84\x01"),
                Responder(b"\x01\x80\x84\x01\x7c\x65\xd9\xa7"),
                Opener(b"\x01\x81\x84\x02\x7c\x65\xd9\xa7\x03\x27\x20\0\0\0\0\0"),
                Responder(b"\x01\x81\x84\x02\0"),
            ],
            "TeamSpeak",
        ),
    ];

    #[test]
    fn a_request_to_the_list_is_likely_until_it_is_answered() {
        let verdict = probe(&Speech::datagram(2010, b"\x01\x80\x84\x01"));
        assert!(verdict.is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(2011, b"\x01\x80\x84\x01")).is_err());
        assert!(probe(&Speech::datagram(2010, b"\x01\x80\x84\x02")).is_err());
    }
}
