//! Saia's Ether-S-Bus: the telegram's own length comes first and a check sum of all of it last. The
//! vendor publishes no description; the rule rests on these two.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

use super::crc;

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Ether-S-Bus"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let length = reader.u32("length")?;
    let whole = u32::try_from(speech.bytes.len()) == Ok(length);
    Reader::require(whole, "length")?;
    Reader::require(reader.u8("version")? <= 1, "version")?;
    Reader::require(reader.u8("protocol type")? == 0, "protocol type")?;
    reader.u16("sequence number")?;
    // Request, answer or acknowledgement.
    Reader::require(reader.u8("attribute")? <= 2, "attribute")?;
    let (telegram, sum) = speech
        .bytes
        .split_last_chunk::<2>()
        .ok_or(Fault::Wrong("check sum"))?;
    let right = crc::ccitt(0, telegram) == u16::from_be_bytes(*sum);
    Reader::require(right, "check sum")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        5050,
        &[Opener(b"\0\0\0\r\x01\0\0\x01\0\n S\x18")],
        "Ether-S-Bus",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_check_sum_must_be_right() {
        assert!(certain(40_000, b"\0\0\0\x0d\x01\0\0\x01\0\x0a\x20\x53\x18"));
        assert!(!certain(5050, b"\0\0\0\x0d\x01\0\0\x01\0\x0a\x21\x53\x18"));
    }
}
