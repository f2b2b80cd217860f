//! TRDP of trains (IEC 61375-2-3, annex A): the protocol's version and a message type of two
//! letters.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TRDP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// The largest message data.
const MOST: u32 = 0x1_0000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.u32("sequence counter")?;
    Reader::require(reader.u8("version")? == 1, "version")?;
    reader.u8("minor version")?;
    // Process data: sent, asked for, answered, failed. Message data the same, and confirmed.
    let kind = reader.take(2, "message type")?;
    let known = matches!(
        kind,
        b"Pd" | b"Pp" | b"Pr" | b"Pe" | b"Mn" | b"Mr" | b"Mp" | b"Mq" | b"Mc" | b"Me"
    );
    Reader::require(known, "message type")?;
    // Identifier of the data, and counters of the train's topology.
    reader.take(12, "header")?;
    Reader::require(reader.u32("length")? <= MOST, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            17224,
            &[Opener(
                b"\0\0\0\0\x01\0Pd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x18\0\0\0\0\0\0\0\0\0\
                    \0\0\0\xceHz\xeaHello World\0\0\0\0\0\0\0\0\0\0\0\0\0",
            )],
            "TRDP",
        ),
        Talk::tcp(
            17225,
            &[Opener(
                b"\0\0\0\0\x01\0Mr\0\0\x03\xe9\0\0\0\0\0\0\0\0\0\0\0\r\0\0\0\0",
            )],
            "TRDP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_version_or_type_is_not_trdp() {
        let mut header = *b"\0\0\0\0\x01\0Pd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x18";
        assert!(certain(40_000, &header));
        header[20] = 1;
        assert!(!certain(17_224, &header));
        header[20] = 0;
        header[7] = b'x';
        assert!(!certain(17_224, &header));
    }
}
