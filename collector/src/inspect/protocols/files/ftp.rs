//! File transfer, the control connection, by the server's greeting or the client's commands
//! (RFC 959, sections 4 and 5.4). A session that goes on in TLS (AUTH, RFC 4217) is FTPS.

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FTP_CONTROL"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 21;
/// Commands that nobody else has.
const OWN: &[&[u8]] = &[
    b"AUTH TLS",
    b"AUTH SSL",
    b"AUTH TLS-C",
    b"AUTH TLS-P",
    b"FEAT",
    b"SYST",
    b"PASV",
    b"EPSV",
    b"PBSZ",
    b"OPTS UTF8",
    b"CLNT",
];
const SHARED: &[&[u8]] = &[b"USER", b"HOST", b"QUIT", b"NOOP", b"HELP"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "first line")?;
    if let Some(b'1' | b'2' | b'4') = line.first() {
        greeting(speech, line)?;
    } else {
        command(speech, line)?;
    }
    Ok(text::session(speech, Label::of("FTPS")))
}

/// 220 serves, 120 will, 421 does not. SMTP greets alike, so away from the port the text has to
/// name the protocol; the authentication daemon of VMware names itself.
fn greeting(speech: &Speech<'_>, line: &[u8]) -> Result<(), Fault> {
    let formed = matches!(
        line,
        [b'2', b'2', b'0', b' ' | b'-', ..]
            | [b'1', b'2', b'0', b' ', ..]
            | [b'4', b'2', b'1', b' ', ..]
    );
    Reader::require(formed, "greeting")?;
    let other = text::mentions(line, &["ESMTP", "SMTP", "VMware"]);
    Reader::require(!other, "FTP greeting")?;
    if names_ftp(line) || speech.on_port(PORT) {
        return Ok(());
    }
    // The client's command may tell.
    Reader::open(speech.other.bytes).literal(b"USER ", "FTP greeting")
}

/// Servers write their names around it: vsFTPd, ProFTPD, Pure-FTPd; FileZilla does not.
fn names_ftp(line: &[u8]) -> bool {
    line.windows(3)
        .any(|word| word.eq_ignore_ascii_case(b"FTP"))
        || text::mentions(line, &["FileZilla"])
}

fn command(speech: &Speech<'_>, line: &[u8]) -> Result<(), Fault> {
    if text::leads(line, OWN) {
        return Ok(());
    }
    Reader::require(text::leads(line, SHARED), "command")?;
    if speech.on_port(PORT) {
        return Ok(());
    }
    Reader::open(speech.other.bytes).magic(b"220", "greeting")
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
            21,
            &[
                Responder(b"220 (vsFTPd 3.0.3)\r\n"),
                Opener(b"USER anonymous\r\n"),
                Responder(b"331 Please specify the password.\r\n"),
                Opener(b"PASS x@\r\nTYPE I\r\n"),
            ],
            "FTP_CONTROL",
        ),
        Talk::tcp(
            21,
            &[
                Responder(b"220 Authorized users only.\r\n"),
                Opener(b"AUTH TLS\r\n"),
                Responder(b"234 Proceed with negotiation.\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
            ],
            "FTPS",
        ),
        Talk::tcp(
            2121,
            &[
                Responder(b"220 Welcome\r\n"),
                Opener(b"USER anonymous\r\n"),
                Responder(b"331 Password\r\n"),
            ],
            "FTP_CONTROL",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok()
    }

    #[test]
    fn a_greeting_of_a_mail_server_is_not_ftp() {
        assert!(!certain(21, b"220 mx.example.org ESMTP Postfix\r\n"));
        assert!(!certain(25, b"220 mx.example.org ready\r\n"));
        assert!(certain(2121, b"220 ProFTPD Server ready.\r\n"));
    }

    #[test]
    fn a_command_of_pop3_is_ftp_on_the_port_only() {
        assert!(certain(21, b"USER anonymous\r\n"));
        assert!(!certain(110, b"USER mrose\r\n"));
        assert!(certain(2121, b"AUTH TLS\r\n"));
        assert!(!certain(2121, b"USER anonymous\r\n"));
        assert!(!certain(2121, b"FEATURE\r\n"));
    }
}
