//! DNP3 (IEEE 1815, section 9.2) by its first block: start bytes, a length and the block's check
//! sum.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DNP3"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Control and two addresses are counted.
const SHORTEST: u8 = 5;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let block = speech.bytes.get(..8).unwrap_or_default();
    reader.magic(b"\x05\x64", "start")?;
    Reader::require(reader.u8("length")? >= SHORTEST, "length")?;
    reader.take(5, "addresses")?;
    Reader::require(reader.u16_le("check sum")? == check_sum(block), "check sum")?;
    Ok(Finding::default())
}

fn check_sum(bytes: &[u8]) -> u16 {
    !bytes.iter().fold(0, |sum, byte| {
        let mut sum = sum ^ u16::from(*byte);
        for _ in 0..8 {
            let carry = sum & 1 != 0;
            sum >>= 1;
            if carry {
                sum ^= 0xa6bc;
            }
        }
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        20000,
        &[Opener(b"\x05d\x05\xc0\x01\0\0\x04\xe9!")],
        "DNP3",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_check_sum_must_be_right() {
        assert_eq!(check_sum(b"123456789"), 0xea82);
        assert!(certain(40_000, b"\x05\x64\x05\xc0\x01\0\0\x04\xe9\x21"));
        assert!(!certain(20_000, b"\x05\x64\x05\xc0\x01\0\0\x05\xe9\x21"));
    }
}
