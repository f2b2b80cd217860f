//! The PROXY protocol, with which a proxy hands on whom it serves, versions 1 and 2 (HAProxy's
//! `proxy-protocol.txt`, sections 2.1 and 2.2). What follows is of another protocol.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HAProxy"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// With CR and LF, and without `PROXY `.
const LONGEST_LINE: usize = 107 - 6;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == SIGNATURE.first() {
        reader.magic(SIGNATURE, "signature")?;
        return Ok(Finding::default());
    }
    reader.magic(b"PROXY ", "signature")?;
    let line = reader.line(LONGEST_LINE, "addresses")?;
    let family = line.split(|&byte| byte == b' ').next().unwrap_or_default();
    let fields = line.split(|&byte| byte == b' ').count();
    let sound = match family {
        b"TCP4" | b"TCP6" => fields == 5,
        b"UNKNOWN" => true,
        _ => false,
    };
    Reader::require(sound, "addresses")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            443,
            &[
                Opener(b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"),
                Opener(b"\x16\x03\x01\x01\x06\x01\0\x01\x02\x03\x03"),
            ],
            "HAProxy",
        ),
        Talk::tcp(
            443,
            &[Opener(
                b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb",
            )],
            "HAProxy",
        ),
    ];

    #[test]
    fn a_line_names_a_family_and_both_ends() {
        let judge = |bytes| probe(&Speech::stream(443, bytes, false));
        assert!(judge(b"PROXY UNKNOWN\r\n").is_ok());
        assert!(judge(b"PROXY TCP4 192.0.2.1\r\n").is_err());
        assert!(judge(b"PROXY UDP4 a b c d\r\n").is_err());
        assert!(judge(b"\r\n\r\nGET / HTTP/1.1\r\n").is_err());
    }
}
