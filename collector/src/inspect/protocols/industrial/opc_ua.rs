//! OPC UA over TCP (OPC 10000-6, section 7.1.2): a message type in letters, a chunk type and a
//! size.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("OPC-UA"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4840;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let kind = reader.take(3, "message type")?;
    let opening = matches!(kind, b"HEL" | b"ACK" | b"RHE" | b"OPN");
    let later = matches!(kind, b"ERR" | b"MSG" | b"CLO") && speech.on_port(PORT);
    Reader::require(opening || later, "message type")?;
    let chunk = reader.u8("chunk type")?;
    Reader::require(matches!(chunk, b'F' | b'C' | b'A'), "chunk type")?;
    let size = reader.u32_le("size")?;
    Reader::require((16..=0x00ff_ffff).contains(&size), "size")?;
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
        4840,
        &[
            Opener(
                b"HELF:\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\x1a\0\0\0opc\
                    .tcp://plc.example:4840",
            ),
            Responder(b"ACKF\x1c\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0"),
        ],
        "OPC-UA",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn later_messages_count_on_the_port_only_and_sizes_are_bounded() {
        assert!(certain(4840, b"MSGF\x40\0\0\0") && !certain(4841, b"MSGF\x40\0\0\0"));
        assert!(!certain(4840, b"HELF\x40\0\0\x01") && !certain(4840, b"HELO\x40\0\0\0"));
    }
}
