//! IRC by what a client registers with, or by the server's first messages (RFC 2812, sections 2.3
//! and 3.1; capabilities as IRCv3 negotiates them).

use crate::inspect::{
    Label,
    protocols::text::{self, LONGEST_LINE},
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IRC"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Lines of registration that are read.
const LINES: usize = 4;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let judged = match speech.bytes.first() {
        Some(b':') => prefixed(&mut reader),
        _ => registration(&mut reader),
    };
    match judged {
        Err(Fault::Short("next line")) if speech.finished && !speech.bytes.is_empty() => {
            Ok(Finding::likely())
        }
        judged => judged.map(|()| Finding::default()),
    }
}

/// `:server NOTICE ...`, or a number of three digits in its place.
fn prefixed(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let line = reader.line(LONGEST_LINE, "message")?;
    let mut words = line.splitn(3, |&byte| byte == b' ');
    let (server, command, rest) = (words.next(), words.next(), words.next());
    let server = server.and_then(|word| word.strip_prefix(b":"));
    let named = server.is_some_and(|name| name.first().is_some_and(u8::is_ascii_alphanumeric));
    let known = matches!(command, Some(b"NOTICE" | b"ERROR" | b"PING" | b"CAP"))
        || matches!(command, Some([b'0'..=b'9', b'0'..=b'9', b'0'..=b'9']));
    Reader::require(named && known && rest.is_some(), "message")
}

/// The nickname alone may be anyone's; the user's line and capabilities are IRC's own.
fn registration(reader: &mut Reader<'_>) -> Result<(), Fault> {
    for _ in 0..LINES {
        if reader.rest().is_empty() {
            return Err(Fault::Short("next line"));
        }
        let line = reader.line(LONGEST_LINE, "message")?;
        let words = line.split(|&byte| byte == b' ').count();
        let own = (text::begins(line, b"USER") && words >= 5)
            || text::leads(line, &[b"CAP LS", b"CAP REQ", b"NOTICE AUTH", b"NOTICE *"]);
        if own {
            return Ok(());
        }
        let preface = text::leads(line, &[b"NICK", b"PASS", b"WEBIRC"]) && words >= 2;
        Reader::require(preface, "message")?;
    }
    Err(Fault::Wrong("registration"))
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
            6667,
            &[
                Opener(b"NICK guest\r\n"),
                Opener(b"USER guest 0 * :A guest\r\n"),
                Responder(b":irc.example.org 001 guest :Welcome\r\n"),
            ],
            "IRC",
        ),
        Talk::tcp(
            8000,
            &[
                Responder(b"NOTICE AUTH :*** Looking up your hostname\r\n"),
                Opener(b"CAP LS 302\r\n"),
            ],
            "IRC",
        ),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(6667, bytes, false))
    }

    #[test]
    fn a_nickname_alone_waits_for_the_user() {
        assert!(judge(b"NICK guest\r\n").is_err_and(|f| f == Fault::Short("next line")));
    }

    #[test]
    fn a_user_of_ftp_is_not_irc() {
        assert!(judge(b"USER anonymous\r\n").is_err_and(|f| f == Fault::Wrong("message")));
        assert!(judge(b":server HELLO x\r\n").is_err_and(|f| f == Fault::Wrong("message")));
    }
}
