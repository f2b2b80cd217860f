//! Ethernet Global Data of GE's controllers. The rule rests on the type and version of a message on
//! its port, and on the bounds of an exchange's data.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("EthernetGlobalData"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 18_246;
const HEADER: usize = 32;
const LONGEST: usize = HEADER + 1400;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    reader.magic(b"\x0d\x01", "type")?;
    let fits = (HEADER..=LONGEST).contains(&speech.bytes.len());
    Reader::require(fits, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        18246,
        &[Opener(
            b"\r\x01\xd4\xf0\xc0\0\x02\x01{\0\0\0\xbe\x8a~8\0\x81\x1b,\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0",
        )],
        "EthernetGlobalData",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_length_is_not_global_data() {
        let mut data = [0; 1433];
        data[..2].copy_from_slice(b"\x0d\x01");
        assert!(certain(18_246, &data[..32]) && !certain(18_247, &data[..32]));
        assert!(!certain(18_246, &data) && !certain(18_246, &data[..31]));
    }
}
