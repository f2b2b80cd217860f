//! What a measurement of RIPE Atlas sends to ports that it tries: its name and the target's
//! address.

use crate::inspect::{
    Label,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RipeAtlas"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    speech.reader().magic(b"MGLNDD_", "name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(40000, &[Opener(b"MGLNDD_192.0.2.1_40000")], "RipeAtlas"),
        Talk::tcp(40000, &[Opener(b"MGLNDD_192.0.2.1_40000\n")], "RipeAtlas"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn a_part_of_the_name_is_not_enough() {
        assert!(!certain(40_000, b"MGLND") && !certain(40_000, b"MGLNDX_1"));
    }
}
