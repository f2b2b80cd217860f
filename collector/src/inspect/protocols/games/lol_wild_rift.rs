//! League of Legends: Wild Rift. The vendor publishes no description; the rules rest on the message
//! that its transport is synchronised by, and on the kinds and lengths of the encrypted handshake's
//! messages, of which one alone is no proof.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LoLWildRift"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const HELLO: &[u8] = b"\x04\0\0\0";
    const ANSWER: &[u8] = b"\x10\0\0\0";
    if speech.bytes.starts_with(&[1, 2]) {
        return synchronise(speech.bytes);
    }
    let length = speech.bytes.len();
    let mut reader = Reader::whole(speech.bytes);
    if speech.from_opener {
        reader.magic(HELLO, "hello")?;
        Reader::require(length == 69, "length")?;
        return Ok(Finding::likely());
    }
    reader.magic(ANSWER, "answer")?;
    let asked = speech
        .other
        .datagrams()
        .any(|said| said.starts_with(HELLO) && said.len() == 69);
    Reader::require(asked && length == 359, "length")?;
    Ok(Finding::default())
}

/// Kind, connection, a count of one, a number, and a text of four bytes behind the size that it
/// has in words of a byte.
fn synchronise(bytes: &[u8]) -> Verdict {
    let mut reader = Reader::whole(bytes);
    reader.magic(&[1, 2], "kind")?;
    reader.u16("connection")?;
    reader.magic(&[0, 0, 0, 1, 0, 1, 0, 0], "count")?;
    reader.u16("interval")?;
    reader.magic(&[0, 4, 0, 4], "size")?;
    let text = reader.take(4, "text")?;
    Reader::require(text.iter().all(u8::is_ascii_alphanumeric), "text")?;
    reader.end("length")?;
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
        Talk::udp(
            18_001,
            &[Opener(
                b"\x01\x02\xc8\x41\0\0\0\x01\0\x01\0\0\0\x1e\0\x04\0\x04A0B1",
            )],
            "LoLWildRift",
        ),
        Talk::udp(15_004, &[Opener(&HELLO), Responder(&ANSWER)], "LoLWildRift"),
    ];

    const HELLO: [u8; 69] = {
        let mut hello = [0xa1; 69];
        [hello[0], hello[1], hello[2], hello[3]] = [4, 0, 0, 0];
        hello
    };
    const ANSWER: [u8; 359] = {
        let mut answer = [0xd3; 359];
        [answer[0], answer[1], answer[2], answer[3]] = [16, 0, 0, 0];
        answer
    };

    #[test]
    fn an_answer_to_nothing_is_not_wild_rift() {
        let answer = Speech {
            from_opener: false,
            ..Speech::datagram(15_004, &ANSWER)
        };
        assert!(probe(&answer).is_err());
        assert!(probe(&Speech::datagram(15_004, &HELLO)).is_ok_and(|finding| finding.likely));
    }
}
