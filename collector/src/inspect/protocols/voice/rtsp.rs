//! RTSP by the first line of a request or response (RFC 2326, sections 6.1 and 7.1; RFC 7826).

use super::start_line::start_line;
use crate::inspect::{
    Label,
    reader::Fault,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RTSP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SCHEMES: &[&[u8]] = &[b"rtsp:", b"rtspu:", b"rtsps:", b"*"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let reader = speech.reader();
    match start_line(reader, b"RTSP/1.0", SCHEMES) {
        Err(Fault::Wrong(_)) => start_line(reader, b"RTSP/2.0", SCHEMES)?,
        judged => judged?,
    }
    Ok(Finding::default())
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
            554,
            &[
                Opener(b"OPTIONS rtsp://192.0.2.1:8554/ RTSP/1.0\r\nCSeq: 2\r\n\r\n"),
                Responder(b"RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"),
            ],
            "RTSP",
        ),
        Talk::tcp(
            8554,
            &[Opener(b"GET_PARAMETER rtsp://example.org/a RTSP/2.0\r\n")],
            "RTSP",
        ),
    ];

    #[test]
    fn other_lines_are_not_rtsp() {
        for line in [
            &b"OPTIONS * HTTP/1.1\r\n"[..],
            b"DESCRIBE http://example.org/ RTSP/1.0\r\n",
            b"RTSP/1.0 OK\r\n",
            b"RTSP/1.0\r\n",
        ] {
            let verdict = probe(&Speech::stream(554, line, false));
            assert!(matches!(verdict, Err(Fault::Wrong(_))), "{line:?}");
        }
    }
}
