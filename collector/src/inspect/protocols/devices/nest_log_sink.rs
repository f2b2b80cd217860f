//! Nest's log sink, which its smoke detectors and thermostats report to over Weave: messages behind
//! their length, with the sender's number, which begins with Nest's own prefix of hardware
//! addresses (OpenWeave, "Weave message layer"; IEEE's registry of prefixes).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NestLogSink"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 11_095;

fn probe(speech: &Speech<'_>) -> Verdict {
    const SENDER: u16 = 0x0200;
    const RECEIVER: u16 = 0x0100;
    /// The end of a number whose least significant byte comes first.
    const PREFIX: &[u8] = &[0x30, 0xb4, 0x18];
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u16_le("length")?;
    let header = reader.u16_le("header")?;
    Reader::require(matches!(header >> 12, 1 | 2), "version")?;
    Reader::require(header & (SENDER | RECEIVER) != 0, "numbers")?;
    Reader::require(length >= 2 + 4 + 8, "length")?;
    reader.u32_le("message")?;
    let number = reader.take(8, "number")?;
    Reader::require(number.ends_with(PREFIX), "number")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        11_095,
        &[Opener(
            b"\x36\0\0\x13\x01\0\0\0\x2a\x11\x0a\0\0\x30\xb4\x18\x01\0\0\0\0\x30\xb4\x18\
            \x01\x21\x0c\0",
        )],
        "NestLogSink",
    )];

    #[test]
    fn another_vendor_s_number_is_not_nest_s() {
        let other = b"\x36\0\0\x13\x01\0\0\0\x2a\x11\x0a\0\0\x30\xb4\x19";
        assert!(probe(&Speech::stream(11_095, other, false)).is_err());
        assert!(probe(&Speech::stream(11_095, b"\x36\0\0\x43", false)).is_err());
    }
}
