//! DHCPv6 (RFC 8415, sections 8, 9 and 21.1): on its ports, with options that end where the
//! datagram does.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DHCPV6"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [546, 547];
const RELAYED: std::ops::RangeInclusive<u8> = 12..=13;
/// RELAY-FORW and RELAY-REPL: hops and two addresses.
const RELAY_HEADER: usize = 33;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let kind = reader.u8("message type")?;
    Reader::require((1..=36).contains(&kind), "message type")?;
    let header = if RELAYED.contains(&kind) {
        RELAY_HEADER
    } else {
        3
    };
    reader.take(header, "header")?;
    Reader::require(!reader.at_end(), "options")?;
    while !reader.at_end() {
        Reader::require(reader.u16("option")? != 0, "option")?;
        reader.part16("option")?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        547,
        &[Opener(
            b"\x01\xd8\xe4\xfe\0\x01\0\x0e\0\x01\0\x01%\xe5\x14\x8eLj\xf6\x9f\xf6'\
                    \0\x08\0\x02\0\0\0\x06\0\x04\0\x17\0\x18",
        )],
        "DHCPV6",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn options_must_end_with_the_datagram() {
        let message = b"\x01\xd8\xe4\xfe\0\x08\0\x02\0\0";
        assert!(certain(547, message));
        assert!(!certain(547, &message[..9]) && !certain(547, &message[..4]));
        assert!(!certain(5_470, message));
    }
}
