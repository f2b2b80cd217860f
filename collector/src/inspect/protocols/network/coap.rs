//! CoAP (RFC 7252, section 3), on its ports: a header, a token and options up to the end or to the
//! payload's marker. That leaves few bits fixed, so a message is certain once the other side has
//! used its id or its token.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("COAP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// IANA's, and those that 6LoWPAN compresses best (RFC 7252, section 12.8).
const PORTS: [u16; 17] = [
    5683, 61_616, 61_617, 61_618, 61_619, 61_620, 61_621, 61_622, 61_623, 61_624, 61_625, 61_626,
    61_627, 61_628, 61_629, 61_630, 61_631,
];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let first = reader.u8("version")?;
    let token = usize::from(first & 0x0f);
    Reader::require(first >> 6 == 1 && token <= 8, "version")?;
    let code = reader.u8("code")?;
    // Class and detail: methods, then answers.
    let known = matches!(
        (code >> 5, code & 0x1f),
        (0, 0..=7) | (2, 1..=5 | 31) | (4, 0..=15 | 22 | 29) | (5, 0..=8)
    );
    Reader::require(known, "code")?;
    reader.u16("message id")?;
    reader.take(token, "token")?;
    Reader::require(
        code != 0 || (token == 0 && reader.at_end()),
        "empty message",
    )?;
    options(&mut reader)?;
    let answers = |said| answers(said, speech.bytes);
    Ok(Finding::certain_if(speech.other.datagrams().any(answers)))
}

/// One of two messages belongs to the other: their ids or their tokens are the same.
fn answers(one: &[u8], other: &[u8]) -> bool {
    let token = |bytes: &[u8]| bytes.first().map_or(0, |first| usize::from(first & 0x0f));
    let same_id = one.len() >= 4 && one.get(2..4) == other.get(2..4);
    let token_of = token(one);
    let tokens = (one.get(4..4 + token_of), other.get(4..4 + token(other)));
    same_id || (token_of > 1 && tokens.0.is_some() && tokens.0 == tokens.1)
}

fn options(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const PAYLOAD: u8 = 0xff;
    while !reader.at_end() {
        let head = reader.u8("option")?;
        if head == PAYLOAD {
            return Reader::require(!reader.at_end(), "payload");
        }
        extended(reader, head >> 4)?;
        let length = extended(reader, head & 0x0f)?;
        reader.take(length, "option")?;
    }
    Ok(())
}

/// A nibble, and one or two bytes more where it says so.
fn extended(reader: &mut Reader<'_>, nibble: u8) -> Result<usize, Fault> {
    match nibble {
        0..=12 => Ok(usize::from(nibble)),
        13 => Ok(usize::from(reader.u8("option")?) + 13),
        14 => Ok(usize::from(reader.u16("option")?) + 269),
        _ => Err(Fault::Wrong("option")),
    }
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
            5683,
            &[
                Opener(b"@\x01}4\xbbtemperature"),
                Responder(b"`E}4\xff22.3 C"),
            ],
            "COAP",
        ),
        Talk::udp(
            5683,
            &[Opener(b"B\x01}4\xaa\xbb\xbd\0.well-known+x\x04core")],
            "COAP",
        ),
    ];

    fn fits(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok()
    }

    #[test]
    fn options_must_fit_and_a_marker_has_a_payload() {
        assert!(fits(5683, b"\x40\x01\x7d\x34\xb2ab") && !fits(5684, b"\x40\x01\x7d\x34\xb2ab"));
        assert!(!fits(5683, b"\x40\x01\x7d\x34\xb3ab"));
        assert!(!fits(5683, b"\x40\x01\x7d\x34\xff"));
        assert!(!fits(5683, b"\x40\0\x7d\x34\xb2ab"));
        assert!(!fits(5683, b"\x80\x01\x7d\x34"));
        assert!(!fits(5683, b"\x40\xb3\x7d\x34"));
    }

    #[test]
    fn an_answer_bears_the_id_or_the_token_of_its_request() {
        let request = b"\x42\x01\x7d\x34\xaa\xbb";
        assert!(answers(request, b"\x60\x45\x7d\x34"));
        assert!(answers(request, b"\x42\x45\0\x01\xaa\xbb"));
        assert!(!answers(request, b"\x42\x45\0\x01\xaa\xbc") && !answers(b"", b""));
    }
}
