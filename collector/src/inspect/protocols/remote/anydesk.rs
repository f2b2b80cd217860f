//! AnyDesk's search for clients in the local network. The vendor names the ports and publishes no
//! format; the rule rests on the fixed beginning of the datagrams. Its sessions are TLS.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AnyDesk"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: &[u16] = &[50_001, 50_002, 50_003];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(PORTS.contains(&speech.port), "discovery port")?;
    Reader::whole(speech.bytes).magic(b"\x3e\xd1\x03\x01", "discovery message")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        50_001,
        &[Opener(b"\x3e\xd1\x03\x01\0\0\0\x08\x24\x5e\xbe\xa5")],
        "AnyDesk",
    )];

    #[test]
    fn another_port_is_not_discovery() {
        assert!(probe(&Speech::datagram(4000, b"\x3e\xd1\x03\x01\0")).is_err());
    }
}
