//! Automatic tank gauges (Veeder-Root, TLS serial interface): a start byte, an optional code of six
//! digits, a function of a letter and three digits, and a tank of two.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ATG"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Security codes have six characters.
const CODE: usize = 6;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\x01", "start")?;
    if reader.rest().first().is_some_and(u8::is_ascii_digit) {
        let code = reader.take(CODE, "security code")?;
        Reader::require(code.iter().all(u8::is_ascii_digit), "security code")?;
    }
    // Inquiry or setting, in upper case for displays, else for computers.
    let letter = reader.u8("function")?;
    Reader::require(matches!(letter, b'I' | b'S' | b'i' | b's'), "function")?;
    for _ in 0..5 {
        Reader::require(reader.u8("function")?.is_ascii_hexdigit(), "function")?;
    }
    let last = reader.u8("end")?;
    Reader::require(matches!(last, b'\r' | b'\n' | 0x03 | b' '), "end")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(10001, &[Opener(b"\x01I20100\r\n")], "ATG")];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn a_code_may_come_before_the_function() {
        assert!(certain(40_000, b"\x01123456i20100\n"));
        assert!(!certain(10_001, b"\x0112345i20100\n"));
        assert!(!certain(10_001, b"\x01I20100X") && !certain(10_001, b"\x01J20100\n"));
        assert!(!certain(10_001, b"I20100\n"));
    }
}
