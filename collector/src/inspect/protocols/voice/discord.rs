//! Discord's voice servers: the discovery of one's address as Discord's developer documentation
//! describes it (Voice Connections, IP Discovery), in its present form and in the one before, and
//! the echo by which clients measure the way to a server. Of that the vendor publishes no
//! description; the rule rests on its magic number.

use std::net::IpAddr;

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Discord"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes.len() {
        8 => echo(speech.bytes)?,
        70 => former_discovery(speech)?,
        _ => discovery(speech.bytes)?,
    }
    Ok(Finding::default())
}

/// The magic number and a counter.
fn echo(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(b"\x13\x37\xca\xfe", "magic number")?;
    reader.u32_le("counter").map(|_| ())
}

/// Type, length of the rest, source of RTP, address as text, port.
fn discovery(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    let kind = reader.u16("type")?;
    Reader::require(kind == 1 || kind == 2, "type")?;
    reader.magic(&[0, 70], "length")?;
    reader.u32("synchronization source")?;
    let address = reader.take(64, "address")?;
    Reader::require(padded(address, kind == 1), "address")?;
    reader.u16("port")?;
    reader.end("end")
}

/// A source and nothing else; the answer to it holds the address.
fn former_discovery(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::whole(speech.bytes);
    let source = reader.u32("synchronization source")?;
    Reader::require(source != 0, "synchronization source")?;
    let address = reader.take(64, "address")?;
    Reader::require(padded(address, speech.from_opener), "address")
}

/// Text up to the first zero, zeros from there; nothing but zeros in a request.
fn padded(field: &[u8], request: bool) -> bool {
    let end = field.iter().position(|&byte| byte == 0);
    let (text, zeros) = field.split_at(end.unwrap_or(field.len()));
    let address = std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok());
    zeros.iter().all(|&byte| byte == 0) && if request { text.is_empty() } else { address }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const REQUEST: &[u8] = &{
        let mut bytes = [0; 74];
        (bytes[1], bytes[3], bytes[6], bytes[7]) = (1, 70, 0xac, 0xe3);
        bytes
    };
    const ANSWER: &[u8] =
        b"\0\x02\0\x46\0\0\xac\xe3192.0.2.100\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe2\x63";
    const FORMER_REQUEST: &[u8] = &{
        let mut bytes = [0; 70];
        (bytes[2], bytes[3]) = (0xac, 0xe3);
        bytes
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(50_004, &[Opener(REQUEST), Responder(ANSWER)], "Discord"),
        Talk::udp(50_004, &[Opener(FORMER_REQUEST)], "Discord"),
        Talk::udp(
            50_004,
            &[
                Opener(b"\x13\x37\xca\xfe\x0e\0\0\0"),
                Responder(b"\x13\x37\xca\xfe\x0e\0\0\0"),
            ],
            "Discord",
        ),
    ];

    #[test]
    fn a_request_holds_no_address_and_an_answer_does() {
        assert_eq!(discovery(ANSWER), Ok(()));
        let mut bytes = ANSWER.to_vec();
        bytes[1] = 1;
        assert!(discovery(&bytes).is_err());
        bytes[1] = 2;
        bytes[8] = b'x';
        assert!(discovery(&bytes).is_err());
    }

    #[test]
    fn zeros_alone_are_not_discord() {
        assert!(probe(&Speech::datagram(50_004, &[0; 70])).is_err());
        assert!(probe(&Speech::datagram(50_004, &[0; 74])).is_err());
        assert!(probe(&Speech::datagram(50_004, &[0; 8])).is_err());
    }
}
