//! Viber: the set-up of calls over UDP and the first message of its own protocol over TCP, on the
//! ports of its servers. The vendor publishes no description; the rule rests on the identifier that
//! all datagrams of a flow begin with and on the length that a message's type fixes, and over TCP on
//! the length and a constant of the first message.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Viber"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 6] = [4244, 5242, 5243, 7985, 7987, 9785];

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => call(speech),
        Transport::Tcp => hello(speech),
    }
}

/// Two messages of the same identifier.
fn call(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let identifier = message(speech.bytes)?;
    let mut heard = speech.earlier.datagrams().chain(speech.other.datagrams());
    if heard.any(|older| message(older) == Ok(identifier)) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

fn message(bytes: &[u8]) -> Result<u16, Fault> {
    let mut reader = Reader::whole(bytes);
    let identifier = reader.u16("identifier")?;
    let kind = reader.u8("type")?;
    reader.magic(&[0], "type")?;
    let fits = matches!(
        (kind, bytes.len()),
        (0x01, 64..) | (0x09 | 0x1a, 20) | (0x0b | 0x19, 34) | (0x0c, 76) | (0x11, 18)
    );
    Reader::require(fits, "length")?;
    Ok(identifier)
}

/// The length of the message, little-endian, an identifier, the constant.
fn hello(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u16_le("length")?;
    Reader::require((12..=1024).contains(&length), "length")?;
    reader.u32("identifier")?;
    reader.magic(b"\xfc\xff", "constant")?;
    let kind = reader.u8("type")?;
    Reader::require(matches!(kind, 0x03 | 0x05), "type")?;
    reader.magic(b"\x80", "constant")?;
    Reader::require(speech.on_ports(&PORTS), "port")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const PING: &[u8] = b"\x05\xb8\x19\0\x35\x18\xf5\x18\x98\x64\xe4\x47\x25\xdf\x4d\x4e\xe1\xcd\
        \x37\x1b\x5c\x9a\xbc\x26\xd9\xd3\x0b\x4b\x01\xbb\x39\xb3\0\0";
    const PONG: &[u8] = b"\x05\xb8\x1a\0\x35\x18\xf5\x18\x98\x64\xe4\x47\x32\x43\x7c\x5e\x2e\x95\
        \0\xc8";
    const HELLO: &[u8] = b"\x18\0\0\0\0\0\xfc\xff\x05\x80\x09\0\0\0\0\0\0\0\0\0\x33\0\0\0";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(7987, &[Opener(PING), Responder(PONG)], "Viber"),
        Talk::tcp(5242, &[Opener(HELLO)], "Viber"),
    ];

    #[test]
    fn viber_is_known_on_its_ports_alone() {
        assert!(probe(&Speech::datagram(40_001, PING)).is_err());
        assert!(probe(&Speech::stream(40_001, HELLO, false)).is_err());
    }

    #[test]
    fn one_datagram_is_likely_and_its_length_has_to_fit_its_type() {
        let verdict = probe(&Speech::datagram(7987, PING));
        assert!(verdict.is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(7987, &PING[..33])).is_err());
    }
}
