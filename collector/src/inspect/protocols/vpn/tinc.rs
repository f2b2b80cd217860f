//! tinc by the ID request with which both sides of its meta connection begin (tinc's manual,
//! section "The meta-protocol"): `0 name version`, the version being 17 since 2001.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TINC"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONGEST_LINE: usize = 128;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"0 ", "ID request")?;
    let line = reader.line(LONGEST_LINE, "ID request")?;
    let mut words = line.split(|&byte| byte == b' ');
    let name = words.next().unwrap_or_default();
    let named = name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_');
    Reader::require(named && !name.is_empty(), "name")?;
    let version = words.next().and_then(|word| word.strip_prefix(b"17"));
    let minor = match version {
        Some([b'.', minor @ ..]) => !minor.is_empty() && minor.iter().all(u8::is_ascii_digit),
        version => version == Some(b""),
    };
    Reader::require(minor && words.next().is_none(), "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        655,
        &[
            Opener(b"0 node_one 17.7\n1 94 64 0 0 23A1"),
            Responder(b"0 nodetwo 17\n"),
        ],
        "TINC",
    )];

    #[test]
    fn another_version_or_a_line_with_more_words_is_not_tinc() {
        let judged = |bytes| probe(&Speech::stream(655, bytes, false)).is_ok();
        assert!(judged(b"0 a 17\n"));
        assert!(!judged(b"0 a 18\n"));
        assert!(!judged(b"0 a 17.\n"));
        assert!(!judged(b"0 a 17 b\n"));
        assert!(!judged(b"0  17\n"));
    }
}
