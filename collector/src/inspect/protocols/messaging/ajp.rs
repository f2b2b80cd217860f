//! AJP 1.3 between a web server and its servlet container (Apache Tomcat Connectors, "AJPv13
//! protocol reference"): magic of the side, length, message code.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AJP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const FORWARD_REQUEST: u8 = 2;
const SEND_HEADERS: u8 = 4;
/// Shutdown, ping, and the ping of a container; end of response, request for more of the body, and
/// the container's answer.
const BARE: [(u8, u16); 6] = [(7, 1), (8, 1), (10, 1), (5, 2), (3, 3), (9, 1)];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let of_server = speech.bytes.first() == Some(&0x12);
    let magic = if of_server { b"\x12\x34" } else { b"AB" };
    reader.magic(magic, "magic")?;
    let length = reader.u16("length")?;
    match reader.u8("code")? {
        FORWARD_REQUEST if of_server => forwarded(&mut reader)?,
        SEND_HEADERS if !of_server => {
            let status = reader.u16("status")?;
            Reader::require((100..600).contains(&status), "status")?;
        }
        code => {
            let expected =
                BARE.contains(&(code, length)) && of_server == matches!(code, 7 | 8 | 10);
            Reader::require(expected, "code")?;
        }
    }
    Ok(Finding::default())
}

/// The method's number, and the protocol as a string.
fn forwarded(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let method = reader.u8("method")?;
    Reader::require(matches!(method, 1..=28 | 0xff), "method")?;
    let length = reader.u16("protocol")?;
    Reader::require(length == 8, "protocol")?;
    reader.magic(b"HTTP/", "protocol")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A ping, and a request with its answer.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8009,
        &[
            Opener(b"\x12\x34\0\x01\x0a"),
            Responder(b"AB\0\x01\x09"),
            Opener(b"\x12\x34\x01\x02\x02\x02\0\x08HTTP/1.1\0\0\x06/pages\0"),
            Responder(b"AB\0\x36\x04\0\xc8\0\x02OK\0\0\x01"),
        ],
        "AJP",
    )];

    #[test]
    fn text_and_numbers_that_begin_alike_are_not_ajp() {
        for bytes in [
            &b"ABCDE"[..],
            b"AB\0\x02\x09",
            b"AB\0\x01\x0a",
            b"\x12\x34\0\x01\x09",
            b"\x12\x34\0\x20\x02\x02\0\x08GOPHER",
        ] {
            let judged = probe(&Speech::stream(8009, bytes, false));
            assert!(matches!(judged, Err(Fault::Wrong(_))), "{bytes:?}");
        }
    }
}
