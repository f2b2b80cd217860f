//! Saia's Ether-S-I/O. The vendor publishes no description; the rule rests on the name that a
//! telegram begins with.

use crate::inspect::{
    Label,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("EtherSIO"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"ESIO", "name")?;
    // A type, a version and a length.
    reader.take(6, "header")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        6060,
        &[Opener(b"ESIO\0\x01\0\0\0\x18\0\0\0\x01\0\0\0\0\0\0\0\0")],
        "EtherSIO",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_name_alone_is_not_a_telegram() {
        assert!(!certain(6060, b"ESIO") && !certain(6060, b"ESIX\0\x01\0\0\0\x18"));
    }
}
