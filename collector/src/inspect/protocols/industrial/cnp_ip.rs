//! Component networks over IP (ANSI/CEA-852, section 5), on its ports: the packet's own length and
//! version 1.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CNP-IP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [1628, 1629];
const HEADER: usize = 20;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let length = usize::from(reader.u16("length")?);
    let whole = speech.transport == Transport::Tcp || length == speech.bytes.len();
    Reader::require(whole && (HEADER..=1500).contains(&length), "length")?;
    Reader::require(reader.u8("version")? == 1, "version")?;
    // Data, or messages of configuration.
    let kind = reader.u8("packet type")?;
    Reader::require(matches!(kind, 1..=8 | 0x60..=0x7f), "packet type")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        1628,
        &[Opener(
            b"\0\x18\x01\x01\0\x01\0\0\0\0\0\x01\0\0\0\x02\0\0\0\x03\x01\x02\x03\
                    \x04",
        )],
        "CNP-IP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s() {
        let mut packet = [0; 20];
        packet[..4].copy_from_slice(b"\0\x14\x01\x01");
        assert!(certain(1628, &packet) && !certain(1630, &packet));
        packet[1] = 0x15;
        assert!(!certain(1628, &packet));
    }
}
