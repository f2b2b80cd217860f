//! Remote Desktop (MS-RDPBCGR, sections 2.2.1.1 and 2.2.1.2): the connection request of X.224 with
//! its cookie or its negotiation, and the answer; over UDP the first datagram (MS-RDPEUDP, section
//! 2.2.2.1). A session whose client goes on in TLS is TLS with RDP in it.

use crate::inspect::{
    Label,
    protocols::{text, tpkt},
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RDP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 3389;
const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;
const NEGOTIATION_REQUEST: u8 = 1;
const NEGOTIATION_RESPONSE: u8 = 2;
const NEGOTIATION_FAILURE: u8 = 3;

const OVER_TLS: Label = Label {
    master: "TLS",
    app: "RDP",
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => synchronise(speech.bytes).map(|()| Finding::default()),
        Transport::Tcp => connection(speech),
    }
}

/// What either side says behind its connection message shows whether they go on in TLS.
fn connection(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    message(&mut reader, speech.on_port(PORT))?;
    Ok(text::turn_to_tls(speech, reader.rest(), OVER_TLS).unwrap_or_default())
}

/// A packet that is nothing but a connection message.
fn message(reader: &mut Reader<'_>, on_port: bool) -> Result<(), Fault> {
    let (length, mut body) = tpkt::packet(reader)?;
    let indicator = usize::from(body.u8("length indicator")?);
    Reader::require(indicator + 1 == length, "length indicator")?;
    let kind = body.u8("X.224 type")?;
    let known = matches!(kind, CONNECTION_REQUEST | CONNECTION_CONFIRM);
    Reader::require(known, "X.224 type")?;
    body.take(4, "references")?;
    Reader::require(body.u8("class")? == 0, "class")?;
    user_data(body, kind, on_port)
}

/// Others use X.224 too, and put parameters here; nobody else has nothing at all on RDP's port.
fn user_data(mut body: Reader<'_>, kind: u8, on_port: bool) -> Result<(), Fault> {
    if body.at_end() {
        return Reader::require(on_port, "RDP port");
    }
    let mut cookie = body;
    let text = if kind == CONNECTION_REQUEST {
        cookie.literal(b"Cookie: msts", "cookie")
    } else {
        Err(Fault::Wrong("cookie"))
    };
    if !matches!(text, Err(Fault::Wrong(_))) {
        return text;
    }
    let expected: &[u8] = match kind {
        CONNECTION_REQUEST => &[NEGOTIATION_REQUEST],
        _ => &[NEGOTIATION_RESPONSE, NEGOTIATION_FAILURE],
    };
    let negotiation = body.u8("negotiation type")?;
    Reader::require(expected.contains(&negotiation), "negotiation type")?;
    body.u8("negotiation flags")?;
    body.magic(&[8, 0], "negotiation length")?;
    let protocols = body.u32_le("protocols")?;
    Reader::require(protocols < 0x20, "protocols")
}

/// The SYN datagram: it acknowledges nothing, names two packet sizes and is padded to the larger.
fn synchronise(bytes: &[u8]) -> Result<(), Fault> {
    const SYN: u16 = 1;
    const SIZES: std::ops::RangeInclusive<u16> = 1132..=1232;
    let mut reader = Reader::whole(bytes);
    reader.magic(&[0xff; 4], "acknowledgement")?;
    reader.u16("window")?;
    let flags = reader.u16("flags")?;
    Reader::require(flags & 0xf == SYN, "flags")?;
    reader.u32("sequence number")?;
    for part in ["size upstream", "size downstream"] {
        Reader::require(SIZES.contains(&reader.u16(part)?), part)?;
    }
    Reader::require(
        SIZES.contains(&u16::try_from(bytes.len()).unwrap_or(u16::MAX)),
        "padding",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            3389,
            &[
                Opener(b"\x03\0\0\x27\x22\xe0\0\0\0\0\0Cookie: mstshash=Administr\r\n"),
                Responder(b"\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"),
                Opener(b"\x03\0\x01\x9c\x02\xf0\x80\x7f\x65\x82\x01\x90"),
            ],
            "RDP",
        ),
        Talk::tcp(
            3390,
            &[
                Opener(
                    b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookie: mstshash=eltons\r\n\
                    \x01\0\x08\0\x03\0\0\0",
                ),
                Responder(b"\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x01\0\0\0"),
                Opener(b"\x16\x03\x01\0\x9c\x01\0\0\x98\x03\x03"),
            ],
            "TLS.RDP",
        ),
        Talk::udp(3389, &[Opener(SYNCHRONISE)], "RDP"),
    ];

    const SYNCHRONISE: &[u8] = &{
        let mut bytes = [0; 1232];
        let head = *b"\xff\xff\xff\xff\0\x40\x02\x01\x1e\x4d\xff\x0c\x04\xd0\x04\xd0";
        let mut at = 0;
        while at < head.len() {
            bytes[at] = head[at];
            at += 1;
        }
        bytes
    };

    #[test]
    fn a_connection_request_of_another_protocol_is_not_rdp() {
        let mms = b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc0\x01\x0d\xc2\x02\0\x01\xc1\x02\0\x01";
        assert!(probe(&Speech::stream(102, mms, false)).is_err());
        let bare = b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0";
        assert!(probe(&Speech::stream(102, bare, false)).is_err());
        assert!(probe(&Speech::stream(3389, bare, false)).is_ok());
    }

    #[test]
    fn a_short_datagram_is_not_padded_and_not_rdp() {
        assert!(probe(&Speech::datagram(3389, &SYNCHRONISE[..64])).is_err());
    }
}
