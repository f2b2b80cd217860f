//! Calls of LINE. The vendor publishes no description; the rule rests on how a message begins: four
//! fixed bits and two flags, the length of what follows the header in ten bits, and a running
//! number. Two in a row fix more than forty bits.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LineCall"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let number = message(speech.bytes)?;
    let precedes = |older: &[u8]| message(older).is_ok_and(|older| number.wrapping_sub(older) == 1);
    if speech.earlier.datagrams().any(precedes) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("second message"))
}

/// The running number.
fn message(bytes: &[u8]) -> Result<u16, Fault> {
    let mut reader = Reader::whole(bytes);
    let start = reader.u16("length")?;
    Reader::require(start >> 12 == 0xd, "start")?;
    let number = reader.u16("number")?;
    let length = usize::from(start & 0x03ff);
    Reader::require(reader.rest().len() == length && length >= 16, "length")?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const FIRST: &[u8] =
        b"\xd0\x10\0\x73\x18\x6e\xcf\xf0\xa4\x9f\x10\x07\xb6\x7f\x27\x54\x86\xf1\x6b\x91";
    const SECOND: &[u8] =
        b"\xd0\x10\0\x74\x18\x6e\xf3\xc1\x16\x59\x02\xf8\x2f\x52\xdb\x7e\xa2\x43\x62\x74";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        29_070,
        &[Opener(FIRST), Opener(SECOND)],
        "LineCall",
    )];

    #[test]
    fn one_message_is_not_yet_a_call_and_its_length_has_to_fit() {
        assert!(probe(&Speech::datagram(29_070, FIRST)).is_err());
        assert!(message(&FIRST[..19]).is_err());
    }
}
