//! Nintendo's Pia, over which its consoles play with each other. The vendor publishes no
//! description; the rule rests on the magic number of a message and the version behind it.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Nintendo"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(b"\x32\xab\x98\x64", "magic")?;
    // The top bit says that the rest is encrypted.
    let version = reader.u8("version")? & 0x7f;
    Reader::require((1..=16).contains(&version), "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        49_152,
        &[Opener(b"\x32\xab\x98\x64\x84\x02\0\x01\0\0\0\0\0\0\0\x01")],
        "Nintendo",
    )];

    #[test]
    fn another_magic_number_is_not_pia() {
        assert!(probe(&Speech::datagram(49_152, b"\x32\xab\x98\x65\x84")).is_err());
        assert!(probe(&Speech::datagram(49_152, b"\x32\xab\x98\x64\x00")).is_err());
    }
}
