//! The speed test of Ookla over TCP: the client greets with `HI` and its identifier, the server
//! with `HELLO` and its versions. The vendor publishes no description; the rule rests on the form
//! of these lines.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Ookla"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 8080;
const LONGEST_LINE: usize = 128;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let line = reader.line(LONGEST_LINE, "greeting")?;
    let named = match line {
        [b'H', b'I', b' ', identifier @ ..] => {
            Reader::require(
                identifier.len() >= 32 && identifier.iter().all(hexadecimal),
                "identifier",
            )?;
            true
        }
        b"HI" => false,
        [b'H', b'E', b'L', b'L', b'O', b' ', version @ ..] => {
            let numbered = matches!(version, [b'0'..=b'9', b'.', b'0'..=b'9', ..]);
            Reader::require(numbered && version.contains(&b'('), "versions")?;
            true
        }
        _ => return Err(Fault::Wrong("greeting")),
    };
    Ok(Finding::certain_if(named || speech.on_port(PORT)))
}

fn hexadecimal(byte: &u8) -> bool {
    *byte == b'-' || byte.is_ascii_hexdigit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// Both sides greet, and time a ping.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8080,
        &[
            Opener(b"HI 01234567-89ab-cdef-0123-456789abcdef\nPING 1589812345\n"),
            Responder(b"HELLO 2.7 (2.7.4) 2020-04-02.1234.abcdef0\nPONG 1589812345\n"),
        ],
        "Ookla",
    )];

    #[test]
    fn a_bare_greeting_is_certain_on_the_port_only() {
        let judge = |port| probe(&Speech::stream(port, b"HI\n", false));
        assert!(!judge(8080).unwrap().likely);
        assert!(judge(40_000).unwrap().likely);
    }

    #[test]
    fn other_greetings_are_not_ookla() {
        for bytes in [&b"HELLO world\n"[..], b"HI there\n", b"HISTORY\n"] {
            assert!(probe(&Speech::stream(8080, bytes, false)).is_err());
        }
    }
}
