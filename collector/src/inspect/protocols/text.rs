//! What protocols of text lines share: words, names of hosts, and the turn to TLS (as by STARTTLS,
//! RFC 3207).

use super::web::tls::{self, HANDSHAKE};
use crate::inspect::{
    Label, Sensitive,
    reader::{Fault, Reader},
    registry::{Finding, Speech},
};

/// With CR and LF; SMTP's limit (RFC 5321, section 4.5.3.1) and no less than the others'.
pub(super) const LONGEST_LINE: usize = 512;
/// Capabilities may all stand in one line.
const LONGEST_ANSWER: usize = 2048;
/// More lines than a client sends before it asks for TLS, and more than a server answers to them.
const REQUESTS_BEFORE_TLS: usize = 6;
const ANSWERS_BEFORE_TLS: usize = 48;

/// What follows `start` in `text`, letters in either case.
pub(super) fn behind<'a>(text: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

/// `line` begins with `command`, letters in either case, and a space or nothing follows.
pub(super) fn begins(line: &[u8], command: &[u8]) -> bool {
    matches!(behind(line, command), Some([] | [b' ', ..]))
}

/// `bytes` are printable ASCII, blanks among them.
pub(super) fn printable(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| *byte == b' ' || byte.is_ascii_graphic())
}

/// What stands before `end`, which comes within `limit` bytes; all of it `fits`.
pub(super) fn before<'a>(
    reader: &mut Reader<'a>,
    end: u8,
    limit: usize,
    part: &'static str,
    fits: impl Fn(u8) -> bool,
) -> Result<&'a [u8], Fault> {
    let text = reader.rest();
    for length in 0..limit {
        let byte = reader.u8(part)?;
        if byte == end {
            return Ok(text.get(..length).unwrap_or_default());
        }
        Reader::require(fits(byte), part)?;
    }
    Err(Fault::Wrong(part))
}

/// One of the words of `text`, letters in either case, is one of `words`.
pub(super) fn mentions(text: &[u8], words: &[&str]) -> bool {
    let mut spoken = text.split(|byte| !byte.is_ascii_alphanumeric());
    spoken.any(|word| {
        let same = |known: &&str| word.eq_ignore_ascii_case(known.as_bytes());
        words.iter().any(same)
    })
}

/// One of `words` leads `text`, letters in either case.
pub(super) fn leads(text: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|word| begins(text, word))
}

/// `name` in lower case, if a host may have it.
pub(super) fn host_name(name: &[u8]) -> Option<Sensitive> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let sound = (1..=255).contains(&name.len()) && name.iter().all(plain);
    let text = std::str::from_utf8(name).ok().filter(|_| sound);
    text.map(|text| Sensitive::new(text.to_ascii_lowercase()))
}

/// What a side's lines come to: a session that goes on in TLS gets the label `secured` and the facts
/// of the hello.
pub(super) fn session(speech: &Speech<'_>, secured: Label) -> Finding {
    let mut reader = Reader::open(speech.bytes);
    let lines = match speech.from_opener {
        true => REQUESTS_BEFORE_TLS,
        false => ANSWERS_BEFORE_TLS,
    };
    for _ in 0..lines {
        if let Some(finding) = turn_to_tls(speech, reader.rest(), secured) {
            return finding;
        }
        match reader.line(LONGEST_ANSWER, "line") {
            Ok(_) => {}
            Err(Fault::Short(_)) => return unfinished(),
            Err(Fault::Wrong(_)) => break,
        }
    }
    Finding::default()
}

/// What follows plain text or messages in `bytes`, if it is TLS, or too little to tell.
pub(super) fn turn_to_tls(speech: &Speech<'_>, bytes: &[u8], secured: Label) -> Option<Finding> {
    match bytes {
        [HANDSHAKE, 3, ..] => Some(in_tls(speech, bytes, secured)),
        [] | [HANDSHAKE] => Some(unfinished()),
        _ => None,
    }
}

/// More is to be heard.
fn unfinished() -> Finding {
    Finding {
        more: true,
        ..Finding::default()
    }
}

/// What TLS says in `bytes`, where a stream has turned to it; an application that it names follows
/// the protocol `secured`.
fn in_tls(speech: &Speech<'_>, bytes: &[u8], secured: Label) -> Finding {
    let hello = (tls::DISSECTOR.probe)(&Speech { bytes, ..*speech });
    let more = matches!(hello, Err(Fault::Short(_)));
    let finding = hello.unwrap_or_default();
    let named = finding.label.filter(|label| label.app != label.master);
    Finding {
        label: Some(Label {
            app: named.map_or(secured.app, |label| label.app),
            ..secured
        }),
        more: finding.more || more,
        ..finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(bytes: &[u8]) -> (Option<&'static str>, bool) {
        let finding = session(&Speech::stream(25, bytes, false), Label::of("SMTPS"));
        (finding.label.map(|label| label.master), finding.more)
    }

    #[test]
    fn what_stands_before_its_end_is_bounded_and_fits() {
        let read = |bytes| {
            let mut reader = Reader::open(bytes);
            before(&mut reader, 0, 4, "name", |byte| byte.is_ascii_digit())
        };
        assert_eq!(read(b"123\0"), Ok(&b"123"[..]));
        assert_eq!(read(b"\0"), Ok(&b""[..]));
        assert_eq!(read(b"123"), Err(Fault::Short("name")));
        assert_eq!(read(b"1234\0"), Err(Fault::Wrong("name")));
        assert_eq!(read(b"1x"), Err(Fault::Wrong("name")));
    }

    #[test]
    fn a_session_turns_to_tls_where_a_record_follows_a_line() {
        assert_eq!(label(b"EHLO a\r\nSTARTTLS\r\n"), (None, true));
        assert_eq!(
            label(b"EHLO a\r\nSTARTTLS\r\n\x16\x03"),
            (Some("SMTPS"), true)
        );
        assert_eq!(label(b"EHLO a\r\nSTARTTLS\x16\x03"), (None, false));
    }

    #[test]
    fn a_session_is_not_heard_for_long() {
        assert_eq!(label(&b"NOOP\r\n".repeat(6)), (None, false));
    }

    #[test]
    fn a_command_is_a_word() {
        assert!(begins(b"stls", b"STLS") && begins(b"USER x", b"USER"));
        assert!(!begins(b"STLSX", b"STLS") && !begins(b"ST", b"STLS"));
        assert!(mentions(b"220 mx ESMTP-ready", &["ESMTP"]));
        assert!(!mentions(b"220 myESMTP", &["ESMTP"]));
    }
}
