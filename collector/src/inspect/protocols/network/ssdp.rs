//! SSDP (UPnP Device Architecture 2.0, section 1): HTTP's form in a datagram, with methods of its
//! own.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SSDP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1900;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    match speech.bytes.first() {
        Some(b'M') => reader.magic(b"M-SEARCH * HTTP/1.", "method")?,
        Some(b'N') => reader.magic(b"NOTIFY * HTTP/1.", "method")?,
        _ => {
            reader.magic(b"HTTP/1.1 200 OK\r\n", "answer")?;
            Reader::require(speech.on_port(PORT) || named(reader.rest()), "answer")?;
        }
    }
    Ok(Finding::default())
}

/// An answer gives the service's unique name.
fn named(headers: &[u8]) -> bool {
    let mut lines = headers.split(|byte| *byte == b'\n');
    lines.any(|line| {
        line.get(..4)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"USN:"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1900,
            &[Opener(
                b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:dis\
                    cover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n",
            )],
            "SSDP",
        ),
        Talk::udp(
            40000,
            &[Opener(
                b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nUSN: uuid:1::upnp:rootdevi\
                    ce\r\n\r\n",
            )],
            "SSDP",
        ),
        Talk::udp(
            1900,
            &[Opener(b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n\r\n")],
            "SSDP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn other_datagrams_like_http_are_not_ssdp() {
        assert!(!certain(40_000, b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"));
        assert!(!certain(1900, b"OPTIONS * HTTP/1.1\r\n"));
        assert!(!certain(1900, b"NOTIFY sip:a SIP/2.0\r\n"));
    }
}
