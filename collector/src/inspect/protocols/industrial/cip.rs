//! CIP's implicit messages (ODVA, The CIP Networks Library, volume 2, section 2-6): an item that
//! gives the address and the order, and one with the data.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CIP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    // Two items; the first is a sequenced address of eight bytes, or one of four.
    reader.magic(b"\x02\0", "items")?;
    let kind = reader.u16_le("address")?;
    let length = reader.u16_le("address length")?;
    Reader::require(
        matches!((kind, length), (0x8002, 8) | (0x00a1, 4)),
        "address",
    )?;
    reader.take(usize::from(length), "address")?;
    reader.magic(b"\xb1\0", "data")?;
    let length = usize::from(reader.u16_le("data length")?);
    Reader::require(length == reader.rest().len(), "data length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        2222,
        &[Opener(
            b"\x02\0\x02\x80\x08\0x{:\0\xe8\xcb^\x04\xb1\0\x0c\0\x03\0\xfd\xff\xff\
                    \xff\xff\xff\xff\xff\0\0",
        )],
        "CIP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_data_must_end_with_the_datagram() {
        let message = b"\x02\0\x02\x80\x08\0aaaabbbb\xb1\0\x02\0xy";
        assert!(certain(40_000, message));
        assert!(!certain(2222, &message[..19]) && !certain(2222, b"\x02\0\x02\x80\x04\0"));
    }
}
