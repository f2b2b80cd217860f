//! SSDP (UPnP Device Architecture 2.0, section 1): HTTP's form in a datagram, with methods of its
//! own.

use crate::inspect::{
    Label, Sensitive,
    reader::Reader,
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
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
/// Of a user agent.
const LONGEST: usize = 512;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    match speech.bytes.first() {
        Some(b'M') => reader.magic(b"M-SEARCH * HTTP/1.", "method")?,
        Some(b'N') => reader.magic(b"NOTIFY * HTTP/1.", "method")?,
        _ => {
            reader.magic(b"HTTP/1.1 200 OK\r\n", "answer")?;
            // An answer gives the service's unique name.
            let named = header(reader.rest(), b"USN:").is_some();
            Reader::require(speech.on_port(PORT) || named, "answer")?;
        }
    }
    let user_agent = header(reader.rest(), b"USER-AGENT:").and_then(text);
    Ok(Finding {
        facts: Facts {
            user_agent,
            ..Facts::default()
        },
        ..Finding::default()
    })
}

/// What the line says that begins with `name`, which ends in a colon.
fn header<'a>(headers: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    headers.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
    })
}

fn text(value: &[u8]) -> Option<Sensitive> {
    let text = std::str::from_utf8(value.get(..LONGEST).unwrap_or(value)).ok()?;
    Some(text)
        .filter(|text| !text.is_empty())
        .map(Sensitive::new)
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

    #[test]
    fn the_searcher_s_user_agent_is_told() {
        let search = b"M-SEARCH * HTTP/1.1\r\nST: x\r\nUser-Agent: Example/1.0\r\n\r\n";
        let finding = probe(&Speech::datagram(1900, search)).unwrap();
        let agent = finding.facts.user_agent.unwrap();
        assert_eq!(agent.reveal(), "Example/1.0");
    }
}
