//! VXLAN (RFC 7348, section 5), on its port: one flag is set and all that is reserved is 0.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("VXLAN"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4789;
/// An Ethernet frame's.
const FRAME_HEADER: usize = 14;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    reader.magic(b"\x08\0\0\0", "flags")?;
    reader.u24("network")?;
    Reader::require(reader.u8("reserved")? == 0, "reserved")?;
    reader.take(FRAME_HEADER, "frame")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        4789,
        &[Opener(
            b"\x08\0\0\0\0\0{\0\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x06\0\
                    \x01\x08\0\x06\x04\0\x01",
        )],
        "VXLAN",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn it_holds_a_frame() {
        assert!(certain(4789, b"\x08\0\0\0\0\0\x7b\0aaaaaabbbbbb\x08\0"));
        assert!(!certain(4789, b"\x08\0\0\0\0\0\x7b\0") && !certain(4789, &[0; 30]));
    }
}
