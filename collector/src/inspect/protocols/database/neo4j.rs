//! Neo4j by the handshake of its protocol (Neo4j, "Bolt Protocol handshake specification"): a magic
//! number and four versions.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Neo4j"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\x60\x60\xb0\x17", "magic")?;
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

    /// A client offers versions, and the server chooses.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        7687,
        &[
            Opener(b"\x60\x60\xb0\x17\0\0\x04\x04\0\0\x01\x04\0\0\0\x04\0\0\0\x03"),
            Responder(b"\0\0\x04\x04"),
        ],
        "Neo4j",
    )];

    #[test]
    fn another_magic_number_is_not_neo4j() {
        let judged = probe(&Speech::stream(7687, b"\x60\x60\xb0\x18", false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("magic"));
    }
}
