//! Ceph by the banner of either side (Ceph's documentation, "msgr protocol" and "msgr2 protocol").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Ceph"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"ceph v", "banner")?;
    let version = reader.u8("version")?;
    Reader::require(version.is_ascii_digit(), "version")?;
    let next = reader.u8("version")?;
    Reader::require(next.is_ascii_digit() || next == b'\n', "version")?;
    Ok(Finding::default())
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
            6789,
            &[
                Responder(b"ceph v027\0\0\0\0"),
                Opener(b"ceph v027\0\0\0\0"),
            ],
            "Ceph",
        ),
        Talk::tcp(3300, &[Responder(b"ceph v2\n\x10\0\x03\0")], "Ceph"),
    ];

    #[test]
    fn another_text_is_not_ceph() {
        assert!(probe(&Speech::stream(6789, b"ceph version 18", false)).is_err());
    }
}
