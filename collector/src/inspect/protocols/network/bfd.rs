//! BFD control packets (RFC 5880, section 4.1), on the ports of one hop, several hops, link bundles
//! and the seamless kind (RFC 5881, 5883, 7130, 7881).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BFD"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 4] = [3784, 4784, 6784, 7784];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let version = reader.u8("version")?;
    Reader::require(version >> 5 == 1 && version & 0x1f <= 9, "version")?;
    let flags = reader.u8("flags")?;
    Reader::require(flags & 0x01 == 0, "multipoint")?;
    Reader::require(reader.u8("multiplier")? > 0, "multiplier")?;
    let length = usize::from(reader.u8("length")?);
    let least = if flags & 0x04 == 0 { 24 } else { 26 };
    Reader::require(length >= least && length == speech.bytes.len(), "length")?;
    Reader::require(reader.u32("discriminator")? != 0, "discriminator")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        3784,
        &[Opener(
            b" @\x03\x18\0\0\0\x01\0\0\0\0\0\x0fB@\0\x0fB@\0\0\0\0",
        )],
        "BFD",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s_and_its_sender_named() {
        let mut packet = [0; 24];
        packet[..8].copy_from_slice(b"\x20\x40\x03\x18\0\0\0\x01");
        assert!(certain(3784, &packet) && !certain(3785, &packet));
        assert!(!certain(3784, &packet[..23]));
        packet[7] = 0;
        assert!(!certain(3784, &packet));
    }
}
