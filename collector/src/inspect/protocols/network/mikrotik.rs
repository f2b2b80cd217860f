//! MikroTik's neighbour discovery (MNDP). The rule rests on its port, a header, and elements of
//! type and length up to the end, the first of which is an address of six bytes.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MikroTik"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 5678;
const ADDRESS: u16 = 1;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    // Who asks sends zeros.
    if matches!(speech.bytes.len(), 4 | 9) && speech.bytes.iter().all(|byte| *byte == 0) {
        return Ok(Finding::default());
    }
    reader.u32("header")?;
    Reader::require(reader.u16("element")? == ADDRESS, "address")?;
    Reader::require(reader.u16("length")? == 6, "address")?;
    reader.take(6, "address")?;
    while !reader.at_end() {
        Reader::require((2..=32).contains(&reader.u16("element")?), "element")?;
        reader.part16("element")?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        5678,
        &[Opener(
            b"\0\0\xc4\0\0\x01\0\x06\x02\0\0\0\0\x01\0\x05\0\x08MikroTik\0\x07\0\
                    \x056.48 \0\x08\0\x08MikroTik",
        )],
        "MikroTik",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn elements_must_end_with_the_datagram() {
        assert!(certain(5678, &[0; 9]) && !certain(5678, &[0; 8]) && !certain(5679, b"\0\0\0\0"));
        assert!(!certain(5678, b"\0\0\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0"));
    }
}
