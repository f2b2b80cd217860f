//! BJNP, Canon's protocol for printers and scanners. The vendor publishes no description; the rule
//! rests on the magic number of each kind of device and the length of what follows the header.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BJNP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let magic = reader.take(4, "magic")?;
    Reader::require(matches!(magic, b"BJNP" | b"MFNP" | b"BNJB"), "magic")?;
    reader.u16("device and command")?;
    reader.u32("number")?;
    reader.u16("session")?;
    let length = usize::try_from(reader.u32("length")?).unwrap_or(usize::MAX);
    reader.take(length, "payload")?;
    reader.end("length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        8612,
        &[Opener(b"BJNP\x02\x01\0\0\x17\xa4\0\0\0\0\0\0")],
        "BJNP",
    )];

    #[test]
    fn a_length_that_does_not_hold_is_not_bjnp() {
        let bytes = b"BJNP\x02\x01\0\0\x17\xa4\0\0\0\0\0\x01";
        assert!(probe(&Speech::datagram(8612, bytes)).is_err());
    }
}
