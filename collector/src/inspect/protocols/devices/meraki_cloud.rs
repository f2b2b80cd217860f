//! Meraki: what a device sends to its cloud controller and hears from it. The vendor names the port
//! and publishes no description; the rule rests on the datagrams' magic number there.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MerakiCloud"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 7351;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    Reader::whole(speech.bytes).magic(b"\xfe\xf7\x28\x91", "magic")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        7351,
        &[
            Opener(b"\xfe\xf7\x28\x91\x0d\x01\0\x70\x06\x8a\x1b\x4e\0\0\0\0"),
            Responder(b"\xfe\xf7\x28\x91\x0d\x01\0\x2e\x06\0\0\x02\0\0\0\0"),
        ],
        "MerakiCloud",
    )];

    #[test]
    fn another_port_is_not_the_controller_s() {
        assert!(probe(&Speech::datagram(40_000, b"\xfe\xf7\x28\x91\x0d")).is_err());
    }
}
