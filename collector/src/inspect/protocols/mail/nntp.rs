//! Usenet (NNTP) by the server's greeting or the client's first command (RFC 3977, sections 5 to 7;
//! RFC 4643).

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Usenet"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Reading, and transfer between servers.
const PORTS: &[u16] = &[119, 433];
/// Commands that nobody else has.
const OWN: &[&[u8]] = &[
    b"MODE READER",
    b"MODE STREAM",
    b"AUTHINFO USER",
    b"AUTHINFO SASL",
    b"LIST NEWSGROUPS",
    b"LIST ACTIVE",
    b"XOVER",
];
const SHARED: &[&[u8]] = &[
    b"CAPABILITIES",
    b"GROUP",
    b"ARTICLE",
    b"LIST",
    b"HELP",
    b"DATE",
];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "first line")?;
    match line.first() {
        Some(b'2' | b'4' | b'5') => greeting(speech, line)?,
        _ => command(speech, line)?,
    }
    Ok(Finding::default())
}

/// 200 and 201 serve, 400 and 502 do not.
fn greeting(speech: &Speech<'_>, line: &[u8]) -> Result<(), Fault> {
    Reader::require(
        text::leads(line, &[b"200", b"201", b"400", b"502"]),
        "greeting",
    )?;
    let named = text::mentions(line, &["NNTP", "NNRP", "InterNetNews", "Usenet"]);
    Reader::require(named || speech.on_ports(PORTS), "NNTP greeting")
}

fn command(speech: &Speech<'_>, line: &[u8]) -> Result<(), Fault> {
    let shared = text::leads(line, SHARED) && speech.on_ports(PORTS);
    Reader::require(shared || text::leads(line, OWN), "command")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        119,
        &[
            Responder(b"200 reader.example.org service ready, posting ok\r\n"),
            Opener(b"MODE READER\r\n"),
            Responder(b"200 reader mode\r\n"),
            Opener(b"GROUP misc.test\r\n"),
        ],
        "Usenet",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok()
    }

    #[test]
    fn a_number_alone_is_a_greeting_on_the_port_only() {
        assert!(certain(119, b"201 no posting\r\n"));
        assert!(!certain(4000, b"201 no posting\r\n"));
        assert!(certain(4000, b"200 Leafnode NNTP Daemon\r\n"));
        assert!(!certain(119, b"220 mail ready\r\n"));
    }

    #[test]
    fn a_reader_is_known_on_any_port_by_its_mode() {
        assert!(certain(4000, b"MODE READER\r\n"));
        assert!(!certain(4000, b"LIST\r\n"));
        assert!(!certain(119, b"MODERN\r\n"));
    }
}
