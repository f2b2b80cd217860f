//! SIP by the first line of a request or response (RFC 3261, section 7), over UDP and TCP.

use super::start_line::start_line;
use crate::inspect::{
    Label,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SIP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SCHEMES: &[&[u8]] = &[
    b"sip:", b"sips:", b"tel:", b"urn:", b"im:", b"pres:", b"<sip:",
];

fn probe(speech: &Speech<'_>) -> Verdict {
    // Empty lines keep a connection open (section 7.5, RFC 5626, section 4.4.1).
    let bytes = speech.bytes.trim_ascii_start();
    let reader = Speech { bytes, ..*speech }.reader();
    start_line(reader, b"SIP/2.0", SCHEMES)?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            5060,
            &[
                Opener(b"REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n"),
                Responder(b"SIP/2.0 401 Unauthorized\r\n"),
            ],
            "SIP",
        ),
        Talk::tcp(
            40_001,
            &[
                Opener(b"\r\n\r\nINVITE sips:bob@example.org;transport=tcp SIP/2.0\r\n"),
                Responder(b"SIP/2.0 100 Trying\r\n"),
            ],
            "SIP",
        ),
    ];

    #[test]
    fn other_lines_are_not_sip() {
        for line in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"GET http://example.org/ SIP/2.0\r\n",
            b"INVITE sip:bob@example.org SIP/1.0\r\n",
            b"invite sip:bob@example.org SIP/2.0\r\n",
            b"SIP/2.0 9ab x\r\n",
            b"SIP/2.0 \r\n",
        ] {
            let verdict = probe(&Speech::stream(5060, line, false));
            assert!(matches!(verdict, Err(Fault::Wrong(_))), "{line:?}");
        }
    }

    #[test]
    fn a_line_cut_short_is_not_yet_sip() {
        let verdict = probe(&Speech::stream(5060, b"OPTIONS sip:a SIP/2.0", false));
        assert!(matches!(verdict, Err(Fault::Short(_))));
    }
}
