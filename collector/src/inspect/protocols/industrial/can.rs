//! Frames of a controller area network in datagrams. No standard describes them; the rule rests on
//! the name of the network's own (ISO 11898), which they begin with.

use crate::inspect::{
    Label,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Controller_Area_Network"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    speech.reader().magic(b"ISO11898", "name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        11898,
        &[Opener(
            b"ISO11898\x01\x02j\x12\xf1\x09\x08; \xd6p\0\0\xff\x7f\xfd\x10",
        )],
        "Controller_Area_Network",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_standard_is_not_can() {
        assert!(!certain(11_898, b"ISO11783") && !certain(11_898, b"ISO1189"));
    }
}
