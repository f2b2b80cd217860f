//! SOME/IP (AUTOSAR, SOME/IP Protocol Specification, section 4.1.2): message id, length, request
//! id, versions, type of the message and return code.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SOMEIP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Service discovery, and the ports beside it that vehicles commonly use.
const PORTS: [u16; 3] = [30_490, 30_491, 30_501];
const PROTOCOL_VERSION: u8 = 1;
/// What the length counts: the header from the request id on.
const COUNTED: u32 = 8;
/// Of service discovery, and the cookies that mark a stream's messages.
const DISCOVERY: u32 = 0xffff_8100;
const COOKIES: [u32; 2] = [0xffff_0000, 0xffff_8000];

fn probe(speech: &Speech<'_>) -> Verdict {
    let id = match speech.transport {
        Transport::Tcp => message(&mut Reader::open(speech.bytes))?,
        Transport::Udp => {
            messages(&mut Reader::whole(speech.bytes))?;
            return Ok(Finding::default());
        }
    };
    let telling = id == DISCOVERY || COOKIES.contains(&id);
    // A stream's length proves nothing as long as the next message is not here.
    Reader::require(telling || speech.on_ports(&PORTS), "port")?;
    Ok(Finding::default())
}

/// They fill a datagram, so that their lengths prove themselves.
fn messages(reader: &mut Reader<'_>) -> Result<(), Fault> {
    message(reader)?;
    while !reader.at_end() {
        message(reader)?;
    }
    Ok(())
}

/// Gives the message id.
fn message(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let id = reader.u32("message id")?;
    let length = reader.u32("length")?;
    Reader::require((COUNTED..0x10_0000).contains(&length), "length")?;
    let length = usize::try_from(length).map_err(|_| Fault::Wrong("length"))?;
    let mut body = reader.part(length, "length")?;
    body.u32("request id")?;
    body.magic(&[PROTOCOL_VERSION], "protocol version")?;
    body.u8("interface version")?;
    let kind = body.u8("message type")?;
    // Request, one without answer, notification; response and error; 0x20 marks a segment.
    let known = matches!(kind & !0x20, 0..=2 | 0x80 | 0x81);
    Reader::require(known, "message type")?;
    let code = body.u8("return code")?;
    let answers = kind & 0x80 != 0;
    Reader::require(
        if answers { code <= 0x5e } else { code == 0 },
        "return code",
    )?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A service is sought; a method is called.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            30_490,
            &[Opener(
                b"\xff\xff\x81\0\0\0\0\x14\0\0\0\x01\x01\x01\x02\0\xc0\0\0\0\0\0\0\0\0\0\0\0",
            )],
            "SOMEIP",
        ),
        Talk::tcp(
            30_501,
            &[
                Opener(b"\x11\x11\0\x01\0\0\0\x09\0\x01\0\x02\x01\x01\0\0\x2a"),
                Responder(b"\x11\x11\0\x01\0\0\0\x09\0\x01\0\x02\x01\x01\x80\0\x2a"),
            ],
            "SOMEIP",
        ),
    ];

    fn judge(bytes: &[u8]) -> Result<u32, Fault> {
        message(&mut Reader::whole(bytes))
    }

    #[test]
    fn a_length_beyond_the_datagram_or_a_code_of_a_request_is_not_someip() {
        assert!(judge(b"\x11\x11\0\x01\0\0\0\x09\0\x01\0\x02\x01\x01\0\0").is_err());
        let code = judge(b"\x11\x11\0\x01\0\0\0\x08\0\x01\0\x02\x01\x01\0\x01");
        assert_eq!(code, Err(Fault::Wrong("return code")));
        let kind = judge(b"\x11\x11\0\x01\0\0\0\x08\0\x01\0\x02\x01\x01\x10\0");
        assert_eq!(kind, Err(Fault::Wrong("message type")));
    }

    #[test]
    fn what_follows_in_a_datagram_has_to_be_a_message_too() {
        let one = b"\x11\x11\0\x01\0\0\0\x08\0\x01\0\x02\x01\x01\0\0";
        let judge = |bytes: &[u8]| probe(&Speech::datagram(40_000, bytes));
        assert!(judge(&[&one[..], one].concat()).is_ok());
        assert!(judge(&[&one[..], b"more"].concat()).is_err());
    }

    #[test]
    fn a_stream_is_not_sought_away_from_the_ports() {
        let bytes = b"\x11\x11\0\x01\0\0\0\x09\0\x01\0\x02\x01\x01\0\0\x2a";
        assert!(probe(&Speech::stream(40_000, bytes, false)).is_err());
    }
}
