//! Hadoop's remote calls by the header of a connection (Apache Hadoop, "Hadoop RPC", connection
//! header), and HBase's, which descend from them (HBase Reference Guide, "RPC").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Hadoop"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == Some(&b'H') {
        reader.magic(b"HBas\0", "header")?;
        // Simple, Kerberos, digest.
        let method = reader.u8("authentication")?;
        Reader::require(matches!(method, 0x50..=0x52), "authentication")?;
        return Ok(Finding::default());
    }
    reader.magic(b"hrpc", "header")?;
    let version = reader.u8("version")?;
    Reader::require((4..=9).contains(&version), "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A client of a file system, and one of HBase.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            8020,
            &[
                Opener(b"hrpc\x09\0\0\0\0\0\x1e\x10\x08\x02\x10\0\x18\x05"),
                Responder(b"\0\0\0\x30\x2e\x08\0\x10\0\x18\x09"),
            ],
            "Hadoop",
        ),
        Talk::tcp(16_000, &[Opener(b"HBas\0\x50\0\0\0\x10")], "Hadoop"),
    ];

    #[test]
    fn another_version_is_not_hadoop() {
        for bytes in [&b"hrpc\x0a"[..], b"HBas\0\x60", b"HTTP/1.1"] {
            let judged = probe(&Speech::stream(8020, bytes, false));
            assert!(matches!(judged, Err(Fault::Wrong(_))));
        }
    }
}
