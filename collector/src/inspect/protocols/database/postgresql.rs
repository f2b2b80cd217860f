//! PostgreSQL (PostgreSQL documentation, "Frontend/Backend Protocol", "Message Formats"): the
//! client's first message, which has a length and a version or a request code, and the server's
//! authentication.

use crate::inspect::{
    Label,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("PostgreSQL"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Cancel, TLS, GSSAPI.
const REQUEST_CODES: [(u32, u32); 3] = [(16, 80_877_102), (8, 80_877_103), (8, 80_877_104)];
const VERSION_2: u32 = 0x0002_0000;
/// A start-up message of version 2 has fields of fixed sizes.
const LENGTH_2: u32 = 296;
/// A server takes no longer one (`MAX_STARTUP_PACKET_LENGTH`).
const LONGEST_STARTUP: u32 = 10_000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    match speech.bytes {
        [0, ..] => startup(&mut reader)?,
        // TLS or GSSAPI was refused, so that the session goes on.
        [b'N', b'R' | b'E', ..] => {
            reader.u8("refusal")?;
            server(&mut reader)?;
        }
        [b'N' | b'S' | b'G'] => return Err(Fault::Short("answer to a request")),
        _ => server(&mut reader)?,
    }
    Ok(Finding::default())
}

fn startup(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let length = reader.u32("length")?;
    Reader::require((8..=LONGEST_STARTUP).contains(&length), "length")?;
    let version = reader.u32("version")?;
    if REQUEST_CODES.contains(&(length, version)) || (version, length) == (VERSION_2, LENGTH_2) {
        return Ok(());
    }
    Reader::require(version >> 16 == 3 && version & 0xffff <= 9999, "version")?;
    // Names and values end with NUL each. The user's name alone is required, in any place.
    parameter(reader)
}

fn parameter(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.');
    let name = text::before(reader, 0, 64, "parameter", fits)?;
    Reader::require(name.len() >= 4, "parameter")
}

/// Authentication, or an error, which begins with its severity.
fn server(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let kind = reader.u8("message type")?;
    Reader::require(matches!(kind, b'R' | b'E'), "message type")?;
    let length = reader.u32("length")?;
    if kind == b'E' {
        Reader::require((12..=0x1_0000).contains(&length), "length")?;
        // Severity, translated or not.
        let field = reader.u8("severity")?;
        Reader::require(matches!(field, b'S' | b'V'), "severity")?;
        return word(reader);
    }
    let method = reader.u32("authentication")?;
    let known = match method {
        // Done, Kerberos, clear text; GSSAPI and SSPI.
        0 | 2 | 3 | 7 | 9 => length == 8,
        // MD5's salt.
        5 => length == 12,
        // GSSAPI and SASL go on.
        8 | 11 | 12 => (8..=0x1_0000).contains(&length),
        10 => (12..=256).contains(&length),
        _ => false,
    };
    Reader::require(known, "authentication")
}

/// Capital letters, and NUL.
fn word(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_uppercase() || !byte.is_ascii();
    let severity = text::before(reader, 0, 16, "severity", fits)?;
    Reader::require(severity.len() >= 3, "severity")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client asks for TLS in vain and starts; a server refuses.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            5432,
            &[
                Opener(b"\0\0\0\x08\x04\xd2\x16\x2f"),
                Responder(b"N"),
                Opener(b"\0\0\0\x21\0\x03\0\0user\0test\0database\0test\0\0"),
                Responder(b"R\0\0\0\x0c\0\0\0\x05\xad\x44\xff\x54"),
            ],
            "PostgreSQL",
        ),
        Talk::tcp(
            5432,
            &[Responder(b"E\0\0\0\x30SFATAL\0C28000\0Mno entry\0\0")],
            "PostgreSQL",
        ),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(5432, bytes, false))
    }

    #[test]
    fn a_start_needs_a_named_parameter() {
        assert!(judge(b"\0\0\0\x21\0\x03\0\0user\0").is_ok());
        let other = judge(b"\0\0\0\x21\0\x03\0\0\x01\x02").unwrap_err();
        assert_eq!(other, Fault::Wrong("parameter"));
        assert_eq!(
            judge(b"\0\0\0\x08\x04\xd2\x16\x31").unwrap_err(),
            Fault::Wrong("version")
        );
    }

    #[test]
    fn one_letter_of_a_server_proves_nothing() {
        assert!(matches!(judge(b"S"), Err(Fault::Short(_))));
        assert!(matches!(judge(b"SSH-2.0"), Err(Fault::Wrong(_))));
        assert!(matches!(
            judge(b"R\0\0\0\x09\0\0\0\0"),
            Err(Fault::Wrong(_))
        ));
    }
}
