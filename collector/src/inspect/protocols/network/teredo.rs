//! Teredo (RFC 4380, section 5.1.1): IPv6 in a datagram, behind an authentication and an origin
//! where the server gives them. The packet's length must be right, and its port or the Teredo
//! prefix of an address.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Teredo"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 3544;
const PREFIX: &[u8] = b"\x20\x01\0\0";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if reader.rest().starts_with(b"\0\x01") {
        authentication(&mut reader)?;
    }
    if reader.rest().starts_with(b"\0\0") {
        reader.u64("origin")?;
    }
    Reader::require(reader.u32("IP version")? >> 28 == 6, "IP version")?;
    let length = usize::from(reader.u16("length")?);
    // Hop-by-hop, TCP, UDP, fragment, ESP, ICMP, none.
    let next = reader.u8("next header")?;
    Reader::require(
        matches!(next, 0 | 6 | 17 | 44 | 50 | 58 | 59),
        "next header",
    )?;
    reader.u8("hops")?;
    let (from, to) = (reader.take(16, "source")?, reader.take(16, "destination")?);
    Reader::require(reader.rest().len() == length, "length")?;
    let teredo = from.starts_with(PREFIX) || to.starts_with(PREFIX);
    Reader::require(teredo || speech.on_port(PORT), "prefix")?;
    Ok(Finding::default())
}

/// Client and its proof, of the lengths that come first; a nonce and a confirmation.
fn authentication(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.u16("authentication")?;
    let client = usize::from(reader.u8("authentication")?);
    let proof = usize::from(reader.u8("authentication")?);
    reader
        .take(client + proof + 9, "authentication")
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            3544,
            &[Opener(
                b"\0\x01\0\0\x01\x02\x03\x04\x05\x06\x07\x08\0`\0\0\0\0\x08:\xff\xfe\
                    \x80\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\x02\x85\0}7\0\0\0\0",
            )],
            "Teredo",
        ),
        Talk::udp(
            3544,
            &[Opener(
                b"`\0\0\0\0\0;\x15 \x01\0\0A7\x9ev\0\0\xf3\xff\xc0\0\x02\x01 \x01\r\
                    \xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
            )],
            "Teredo",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_port_an_address_has_the_prefix() {
        let mut bubble = [0; 40];
        bubble[0] = 0x60;
        bubble[6] = 59;
        assert!(certain(3544, &bubble) && !certain(40_000, &bubble));
        bubble[8..12].copy_from_slice(PREFIX);
        assert!(certain(40_000, &bubble) && !certain(40_000, &bubble[..39]));
    }
}
