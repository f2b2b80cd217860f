//! SMTP by the server's greeting or the client's (RFC 5321, sections 3.1 and 4.1.1.1). A session
//! that goes on in TLS (STARTTLS, RFC 3207) is SMTPS.

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SMTP"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Transfer, submission (RFC 6409) and the port that providers offer beside it.
const PORTS: [u16; 3] = [25, 587, 2525];

fn probe(speech: &Speech<'_>) -> Verdict {
    if let Some(b'2' | b'5') = speech.bytes.first() {
        greeting(speech)?;
    } else {
        hello(speech.bytes)?;
    }
    Ok(text::session(speech, Label::of("SMTPS")))
}

/// `220 domain text`, or `554` for no service. FTP greets with 220 too, so away from SMTP's ports
/// the text has to name the protocol, as the word ESMTP (RFC 1869) commonly does.
fn greeting(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "greeting")?;
    let text = line.get(4..).unwrap_or_default();
    let formed = matches!(
        line,
        [b'2', b'2', b'0', b' ' | b'-', ..] | [b'5', b'5', b'4', b' ', ..]
    );
    Reader::require(formed, "greeting")?;
    let named = text::mentions(text, &["ESMTP", "SMTP"]);
    Reader::require(named || speech.on_ports(&PORTS), "SMTP greeting")
}

/// `EHLO domain` or `HELO domain`.
fn hello(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    match bytes.first() {
        Some(b'H' | b'h') => reader.literal(b"HELO ", "HELO")?,
        _ => reader.literal(b"EHLO ", "EHLO")?,
    }
    let domain = reader.line(LONGEST_LINE, "domain")?;
    Reader::require(domain.first().is_some_and(u8::is_ascii_graphic), "domain")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A session in the clear, and one that turns to TLS.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            25,
            &[
                Responder(b"220 mail.example.org ESMTP\r\n"),
                Opener(b"HELO client.example\r\nMAIL FROM:<a@example.org>\r\n"),
            ],
            "SMTP",
        ),
        Talk::tcp(
            587,
            &[
                Responder(b"220 mail.example.org ESMTP Postfix\r\n"),
                Opener(b"EHLO client.example\r\n"),
                Responder(b"250-mail.example.org\r\n250 STARTTLS\r\n"),
                Opener(b"STARTTLS\r\n"),
                Responder(b"220 2.0.0 Ready to start TLS\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
                Responder(b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03"),
            ],
            "SMTPS",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        let speech = Speech::stream(port, bytes, false);
        probe(&speech).is_ok()
    }

    #[test]
    fn a_greeting_on_a_mail_port_is_smtp() {
        assert!(certain(25, b"220 mail.example.org ready\r\n"));
        assert!(certain(587, b"220-mail.example.org\r\n220 ready\r\n"));
        assert!(certain(25, b"554 No SMTP service here\r\n"));
    }

    #[test]
    fn a_greeting_elsewhere_has_to_name_the_protocol() {
        assert!(certain(1025, b"220 mail.example.org ESMTP Postfix\r\n"));
        assert!(!certain(21, b"220 (vsFTPd 3.0.3)\r\n"));
    }

    #[test]
    fn the_client_hello_is_smtp_on_any_port_once_its_line_is_whole() {
        assert!(certain(1025, b"EHLO [192.0.2.1]\r\n"));
        assert!(certain(1025, b"helo client.example\r\n"));
        assert!(!certain(25, b"EHLO client.exam"));
        assert!(!certain(25, b"EHLO \r\n"));
        assert!(!certain(25, b"HELP\r\n"));
    }
}
