//! Java remote method invocation by the header that the client begins with (Java RMI Specification,
//! section 10.2, "RMI Transport Protocol").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("JRMI"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"JRMI\0", "header")?;
    let version = reader.u8("version")?;
    Reader::require(matches!(version, 1 | 2), "version")?;
    // Stream, single operation, multiplexed.
    let protocol = reader.u8("protocol")?;
    Reader::require(matches!(protocol, 0x4b..=0x4d), "protocol")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client asks for the stream protocol.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        1099,
        &[
            Opener(b"JRMI\0\x02\x4b"),
            Responder(b"\x4e\0\x09192.0.2.1\0\0\xc3\x50"),
            Opener(b"\0\x09192.0.2.1\0\0\0\0\x50\xac\xed\0\x05"),
        ],
        "JRMI",
    )];

    #[test]
    fn another_version_or_protocol_is_not_jrmi() {
        for bytes in [b"JRMI\0\x03\x4b", b"JRMI\0\x02\x4e"] {
            assert!(probe(&Speech::stream(1099, bytes, false)).is_err());
        }
    }
}
