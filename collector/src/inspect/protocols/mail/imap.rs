//! IMAP by the server's greeting or the client's first command (RFC 9051, sections 7.1 and 6). A
//! session that goes on in TLS (STARTTLS, section 6.2.1) is IMAPS.

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IMAP"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// A greeting may list all capabilities.
const LONGEST_GREETING: usize = 2048;
const LONGEST_TAG: usize = 32;
/// Commands that a client may begin with.
const COMMANDS: &[&[u8]] = &[
    b"CAPABILITY",
    b"STARTTLS",
    b"AUTHENTICATE",
    b"LOGIN",
    b"ID",
    b"NOOP",
    b"LOGOUT",
];

fn probe(speech: &Speech<'_>) -> Verdict {
    if speech.bytes.first() == Some(&b'*') {
        greeting(speech.bytes)?;
    } else {
        command(speech)?;
    }
    Ok(text::session(speech, Label::of("IMAPS")))
}

/// `* OK text`, `* PREAUTH text` or `* BYE text`.
fn greeting(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    let line = reader.line(LONGEST_GREETING, "greeting")?;
    let status = line.get(2..).unwrap_or_default();
    let formed = line.starts_with(b"* ") && text::leads(status, &[b"OK", b"PREAUTH", b"BYE"]);
    Reader::require(formed, "greeting")
}

/// A tag of the client's choice and a command.
fn command(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "command")?;
    let mut words = line.splitn(2, |&byte| byte == b' ');
    let (tag, rest) = (words.next(), words.next());
    let tag = tag.unwrap_or_default();
    let tagged = (1..=LONGEST_TAG).contains(&tag.len()) && tag.iter().all(u8::is_ascii_graphic);
    Reader::require(tagged, "tag")?;
    Reader::require(text::leads(rest.unwrap_or_default(), COMMANDS), "command")?;
    let unmistakable = text::leads(
        rest.unwrap_or_default(),
        &[b"CAPABILITY", b"STARTTLS", b"AUTHENTICATE"],
    );
    // Short words after a word may be anyone's.
    Reader::require(unmistakable || speech.on_port(143), "IMAP port")
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
            143,
            &[
                Responder(b"* OK [CAPABILITY IMAP4rev1 ID STARTTLS] ready\r\n"),
                Opener(b"a1 LOGIN user secret\r\n"),
                Responder(b"a1 OK logged in\r\n"),
            ],
            "IMAP",
        ),
        Talk::tcp(
            143,
            &[
                Responder(b"* OK [CAPABILITY IMAP4rev2 STARTTLS] ready\r\n"),
                Opener(b". CAPABILITY\r\n"),
                Responder(b"* CAPABILITY IMAP4rev2 STARTTLS\r\n. OK done\r\n"),
                Opener(b". STARTTLS\r\n"),
                Responder(b". OK begin TLS\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
            ],
            "IMAPS",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok()
    }

    #[test]
    fn a_greeting_is_imap_on_any_port() {
        assert!(certain(1143, b"* OK Dovecot ready.\r\n"));
        assert!(certain(143, b"* PREAUTH hello\r\n"));
        assert!(!certain(143, b"* ACAP (IMPLEMENTATION \"x\")\r\n"));
        assert!(!certain(143, b"* OKAY\r\n"));
    }

    #[test]
    fn a_command_that_other_protocols_have_too_needs_the_port() {
        assert!(certain(143, b"A001 LOGIN user secret\r\n"));
        assert!(!certain(4000, b"A001 LOGIN user secret\r\n"));
        assert!(certain(4000, b"A001 CAPABILITY\r\n"));
    }
}
