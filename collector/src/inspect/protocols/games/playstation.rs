//! PlayStation: the search for consoles in a local network and their answers, in the style of HTTP
//! over UDP. The vendor publishes no description; the rule rests on the methods and on the header
//! that gives the discovery protocol's version.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Playstation"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const VERSION: &[u8] = b"device-discovery-protocol-version:";
    const LONGEST_LINE: usize = 64;
    let mut reader = Reader::whole(speech.bytes);
    let first = reader.line(LONGEST_LINE, "first line")?;
    let kind = first.split(|&byte| byte == b' ').next();
    let known = matches!(kind, Some(b"SRCH" | b"WAKEUP" | b"LAUNCH" | b"HTTP/1.1"));
    Reader::require(known, "first line")?;
    let rest = reader.rest();
    let names = rest.windows(VERSION.len()).any(|part| part == VERSION);
    Reader::require(names, "version of protocol")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        987,
        &[
            Opener(b"SRCH * HTTP/1.1\ndevice-discovery-protocol-version:00020020\n"),
            Responder(
                b"HTTP/1.1 620 Server Standby\nhost-id:1234567890AB\nhost-type:PS4\n\
                device-discovery-protocol-version:00020020\n",
            ),
        ],
        "Playstation",
    )];

    #[test]
    fn a_search_names_the_protocol() {
        assert!(probe(&Speech::datagram(987, b"SRCH * HTTP/1.1\nHost: a\n")).is_err());
        assert!(probe(&Speech::datagram(1900, b"M-SEARCH * HTTP/1.1\r\n\r\n")).is_err());
    }
}
