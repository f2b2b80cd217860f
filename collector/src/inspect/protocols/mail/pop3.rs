//! POP3 by the server's greeting or the client's commands (RFC 1939, sections 4 to 7; RFC 2449 and
//! RFC 5034). A session that goes on in TLS (STLS, RFC 2595, section 4) is POPS.

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("POP3"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 110;

fn probe(speech: &Speech<'_>) -> Verdict {
    if let Some(b'+' | b'-') = speech.bytes.first() {
        greeting(speech)?;
    } else {
        command(speech)?;
    }
    Ok(text::session(speech, Label::of("POPS")))
}

/// `+OK text`, or `-ERR text` for no service. Redis answers with `+OK` too, so away from the port
/// the text has to name the protocol, or to hold the time stamp of APOP.
fn greeting(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "greeting")?;
    Reader::require(text::leads(line, &[b"+OK", b"-ERR"]), "greeting")?;
    let stamped = line.ends_with(b">") && line.contains(&b'<') && line.contains(&b'@');
    let named = text::mentions(line, &["POP3", "POP"]);
    if stamped || named || speech.on_port(PORT) {
        return Ok(());
    }
    // The client's command may tell.
    Reader::open(speech.other.bytes).literal(b"USER ", "POP3 greeting")
}

/// A command that nobody else has; `USER` and the like are FTP's too, so they need the port or the
/// server's greeting.
fn command(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "command")?;
    if text::leads(line, &[b"CAPA", b"STLS", b"APOP"]) {
        return Ok(());
    }
    let shared = text::leads(line, &[b"USER", b"AUTH", b"NOOP", b"QUIT"]);
    Reader::require(shared, "command")?;
    if speech.on_port(PORT) {
        return Ok(());
    }
    Reader::open(speech.other.bytes).magic(b"+OK", "greeting")
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
            110,
            &[
                Responder(b"+OK ready\r\n"),
                Opener(b"USER mrose\r\n"),
                Responder(b"+OK\r\n"),
                Opener(b"PASS secret\r\n"),
            ],
            "POP3",
        ),
        Talk::tcp(
            110,
            &[
                Responder(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n"),
                Opener(b"CAPA\r\n"),
                Responder(b"+OK\r\nSTLS\r\n.\r\n"),
                Opener(b"STLS\r\n"),
                Responder(b"+OK begin TLS\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
            ],
            "POPS",
        ),
        Talk::tcp(
            1110,
            &[Responder(b"+OK ready\r\n"), Opener(b"USER mrose\r\n")],
            "POP3",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok()
    }

    #[test]
    fn ok_alone_is_pop3_on_its_port_only() {
        assert!(certain(110, b"+OK\r\n"));
        assert!(!certain(6379, b"+OK\r\n"));
        assert!(certain(1110, b"+OK <1896.697@dbc.example>\r\n"));
    }

    #[test]
    fn a_command_of_ftp_is_pop3_on_its_port_only() {
        assert!(certain(110, b"USER mrose\r\n"));
        assert!(!certain(21, b"USER mrose\r\n"));
        assert!(certain(1110, b"CAPA\r\n"));
    }
}
