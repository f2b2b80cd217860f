//! Firebird and InterBase by the client's first packet (Firebird, "Wire Protocol", `op_connect`):
//! words of four bytes for the operation, what is to be attached, and the versions.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Firebird"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// `op_attach`, `op_create`, `op_service_attach`.
const TARGETS: [u32; 3] = [19, 20, 82];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[0, 0, 0, 1], "operation")?;
    let target = reader.u32("target")?;
    Reader::require(TARGETS.contains(&target), "target")?;
    let version = reader.u32("connect version")?;
    Reader::require(matches!(version, 2 | 3), "connect version")?;
    let architecture = reader.u32("architecture")?;
    Reader::require((1..=64).contains(&architecture), "architecture")?;
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

    /// A client attaches a database.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        3050,
        &[
            Opener(b"\0\0\0\x01\0\0\0\x13\0\0\0\x03\0\0\0\x01\0\0\0\x08employee\0\0\0\x05"),
            Responder(b"\0\0\0\x5e\xff\xff\x80\x0d\0\0\0\x01\0\0\0\x05"),
        ],
        "Firebird",
    )];

    #[test]
    fn another_operation_or_version_is_not_firebird() {
        for (bytes, part) in [
            (&b"\0\0\0\x01\0\0\0\x12"[..], "target"),
            (b"\0\0\0\x01\0\0\0\x13\0\0\0\x01", "connect version"),
            (b"\0\0\0\x01\0\0\0\x13\0\0\0\x03\0\0\0\0", "architecture"),
        ] {
            let judged = probe(&Speech::stream(3050, bytes, false)).unwrap_err();
            assert_eq!(judged, Fault::Wrong(part));
        }
    }
}
