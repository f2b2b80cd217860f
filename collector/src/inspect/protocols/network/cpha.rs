//! Check Point's high availability (CCP). The vendor publishes no description; the rule rests on
//! the magic number on its port.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CPHA"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 8116;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    reader.magic(b"\x1a\x90", "magic number")?;
    // Version, cluster and operation.
    reader.take(6, "header")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        8116,
        &[Opener(b"\x1a\x90\nZ\0\xfe\0\x01\0\0\0\0\0\0\0\0\0\x01")],
        "CPHA",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_number_is_not_cpha() {
        assert!(!certain(8117, b"\x1a\x90\x0a\x5a\0\0\0\x01"));
        assert!(!certain(8116, b"\x1a\x91\x0a\x5a\0\0\0\x01") && !certain(8116, b"\x1a\x90\0"));
    }
}
