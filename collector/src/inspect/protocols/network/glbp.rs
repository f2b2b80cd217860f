//! GLBP of Cisco. The vendor publishes no description; the rule rests on its port, a version, a
//! group, the owner's address, and elements of type and length up to the end.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("GLBP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 3222;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    Reader::require(reader.u8("version")? == 1, "version")?;
    reader.u8("unknown")?;
    Reader::require(reader.u16("group")? < 1024, "group")?;
    reader.u16("unknown")?;
    reader.take(6, "owner")?;
    Reader::require(!reader.at_end(), "elements")?;
    while !reader.at_end() {
        // Hello, forwarder, authentication; the length counts type and length too.
        let kind = reader.u8("element")?;
        Reader::require((1..=4).contains(&kind), "element")?;
        let length = usize::from(reader.u8("element length")?);
        let rest = length
            .checked_sub(2)
            .ok_or(Fault::Wrong("element length"))?;
        reader.take(rest, "element")?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        3222,
        &[Opener(
            b"\x01\0\0\n\0\0\0\x07\xb4\0\n\x02\x02\x14\x01\0\0\x01\0\x07\xb4\0\n\
                    \x02\0\0\0\0\0\0\0\0",
        )],
        "GLBP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn elements_must_end_with_the_datagram() {
        assert!(certain(
            3222,
            b"\x01\0\0\x0a\0\0\0\x07\xb4\0\x0a\x02\x02\x04\0\0"
        ));
        assert!(!certain(
            3222,
            b"\x01\0\0\x0a\0\0\0\x07\xb4\0\x0a\x02\x02\x05\0\0"
        ));
        assert!(!certain(
            3222,
            b"\x01\0\0\x0a\0\0\0\x07\xb4\0\x0a\x02\x02\0"
        ));
    }
}
