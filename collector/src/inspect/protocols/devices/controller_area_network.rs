//! Frames of a Controller Area Network over UDP: the number of the standard that describes the bus, and
//! a version, before the frames.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Controller_Area_Network"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(b"ISO11898", "standard")?;
    Reader::require(reader.u8("version")? == 1, "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        11_898,
        &[Opener(
            b"ISO11898\x01\x02\x6a\x12\xf1\x09\x08\x3b\x20\xd6\x70\0\0\xff\x7f\xfd\x10\0",
        )],
        "Controller_Area_Network",
    )];

    #[test]
    fn another_standard_is_not_the_bus() {
        assert!(probe(&Speech::datagram(11_898, b"ISO11783\x01")).is_err());
        assert!(probe(&Speech::datagram(11_898, b"ISO11898")).is_err());
    }
}
