//! Redis and its like by their serialization protocol (Redis documentation, "RESP protocol
//! description"): a command is an array of strings, each behind its length.

use crate::inspect::{
    Label,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RESP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 6379;
const LONGEST_LINE: usize = 256;
/// Requests and answers of a bare line.
const PHRASES: [&[u8]; 6] = [b"PING", b"INFO", b"QUIT", b"+PONG", b"+OK", b"+QUEUED"];
/// What errors begin with that no other protocol knows.
const REFUSALS: [&[u8]; 4] = [b"-NOAUTH ", b"-WRONGPASS ", b"-LOADING ", b"-DENIED Redis"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "line")?;
    if REFUSALS.iter().any(|refusal| line.starts_with(refusal)) {
        return Ok(Finding::default());
    }
    match line {
        [b'*', count @ ..] => {
            number(count)?;
            command(&mut reader)?;
            Ok(Finding::default())
        }
        // Others have such lines too: a store of mail says +OK.
        _ if PHRASES.contains(&line) || line.starts_with(b"-ERR ") => on_port(speech),
        [b'$' | b':' | b'%', digits @ ..] => number(digits).and_then(|()| on_port(speech)),
        _ => Err(Fault::Wrong("line")),
    }
}

fn on_port(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port").map(|()| Finding::default())
}

fn number(digits: &[u8]) -> Result<(), Fault> {
    let formed = (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    Reader::require(formed, "number")
}

/// The first string: its length, and so many bytes.
fn command(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let line = reader.line(LONGEST_LINE, "string")?;
    let [b'$', digits @ ..] = line else {
        return Err(Fault::Wrong("string"));
    };
    number(digits)?;
    let length = digits
        .iter()
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    Reader::require((1..=64).contains(&length), "string")?;
    let name = reader.take(length, "command")?;
    Reader::require(text::printable(name), "command")?;
    reader.magic(b"\r\n", "end of string")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client authenticates; on another port it has not.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            6379,
            &[
                Opener(b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\n"),
                Responder(b"+OK\r\n+PONG\r\n"),
            ],
            "RESP",
        ),
        Talk::tcp(
            7000,
            &[
                Opener(b"*1\r\n$4\r\nPING\r\n"),
                Responder(b"-NOAUTH Authentication required.\r\n"),
            ],
            "RESP",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_line_that_other_protocols_have_too_counts_on_the_port_only() {
        assert!(judge(6379, b"+OK\r\n").is_ok());
        assert!(judge(110, b"+OK\r\n").is_err());
        assert!(judge(6379, b"PING\r\n").is_ok());
    }

    #[test]
    fn a_string_of_another_length_is_not_resp() {
        let judged = judge(6379, b"*1\r\n$4\r\nPINGS\r\n").unwrap_err();
        assert_eq!(judged, Fault::Wrong("end of string"));
        assert!(judge(6379, b"*x\r\n").is_err());
        assert!(judge(6379, b"*1\r\n+OK\r\n").is_err());
    }
}
