//! Raft as the C library of Canonical's Dqlite speaks it (raft's documentation, "Wire protocol" of
//! its TCP transport): words of eight bytes, the least significant byte first. A handshake with the
//! version and the node's address, or a message with its type and the size of its header.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Raft"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const VERSION: u64 = 1;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let word = reader.u64_le("version or type")?;
    let second = reader.u64_le("node or header size")?;
    match (word, second) {
        (1..=6, 16..=64) if second % 8 == 0 => {
            Ok(Finding::certain_if(header(&mut reader, second)?))
        }
        (VERSION, node) if node != 0 => handshake(&mut reader).map(|()| Finding::default()),
        _ => Err(Fault::Wrong("version or type")),
    }
}

/// The address's length is a multiple of a word, and the address is text, filled up with NUL.
fn handshake(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let length = reader.u64_le("address length")?;
    let fits = length % 8 == 0 && (8..=256).contains(&length);
    Reader::require(fits, "address length")?;
    let length = usize::try_from(length).map_err(|_| Fault::Wrong("address length"))?;
    let address = reader.take(length, "address")?;
    let text = address.split(|&b| b == 0).next().unwrap_or_default();
    let padding = address.get(text.len()..).unwrap_or_default();
    let named = text.contains(&b':') || text.first() == Some(&b'@');
    Reader::require(
        named && text.iter().all(u8::is_ascii_graphic) && padding.iter().all(|b| *b == 0),
        "address",
    )
}

/// A term, and for all types a second word whose upper half no cluster ever fills.
fn header(reader: &mut Reader<'_>, size: u64) -> Result<bool, Fault> {
    let (term, second) = (reader.u64_le("term")?, reader.u64_le("header")?);
    let small = term != 0 && term >> 32 == 0;
    Reader::require(small, "term")?;
    Ok(size >= 24 && second >> 48 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// A node tells its address and asks for a vote.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            9001,
            &[
                Opener(
                    b"\x01\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x10\0\0\0\0\0\0\x00192.0.2.1:9001\0\0\
                    \x03\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0",
                ),
            ],
            "Raft",
        ),
    ];

    #[test]
    fn zeros_and_an_address_without_a_port_are_not_raft() {
        let zeros = probe(&Speech::stream(9001, &[0; 64], false));
        assert!(matches!(zeros, Err(Fault::Wrong(_))));
        let nameless =
            b"\x01\0\0\0\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x08\0\0\0\0\0\0\0address\0";
        let judged = probe(&Speech::stream(9001, nameless, false)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("address"));
    }
}
