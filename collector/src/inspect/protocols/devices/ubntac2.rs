//! Ubiquiti's discovery protocol, versions 1 and 2. The vendor publishes no description; the rule
//! rests on the records of type, length and value that fill a datagram on its port; a search has
//! none.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("UBNTAC2"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 10_001;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = Reader::whole(speech.bytes);
    let version = reader.u8("version")?;
    Reader::require(matches!(version, 1 | 2), "version")?;
    let command = reader.u8("command")?;
    Reader::require(command <= 11, "command")?;
    let mut records = reader.part16("records")?;
    let searches = records.at_end();
    while !records.at_end() {
        records.u8("type")?;
        let mut value = records.part16("value")?;
        value.take(value.rest().len(), "value")?;
    }
    // Some versions pad a search with zeros.
    let padded = searches && reader.rest().iter().all(|byte| *byte == 0);
    Reader::require(padded || reader.at_end(), "length")?;
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
        10_001,
        &[
            Opener(b"\x01\0\0\0"),
            Responder(b"\x01\0\0\x11\x01\0\x06\x80\x2a\xa8\x8d\x69\x2b\x0b\0\x05host1"),
        ],
        "UBNTAC2",
    )];

    #[test]
    fn records_fill_the_datagram_on_the_port_of_the_protocol() {
        let answer = b"\x02\x06\0\x07\x0b\0\x04ubnt";
        assert!(probe(&Speech::datagram(10_001, answer)).is_ok());
        assert!(probe(&Speech::datagram(10_002, answer)).is_err());
        assert!(probe(&Speech::datagram(10_001, &answer[..10])).is_err());
        assert!(probe(&Speech::datagram(10_001, b"\x01\0\0\0\0\0")).is_ok());
        assert!(probe(&Speech::datagram(10_001, b"\x01\0\0\0\0\x01")).is_err());
    }
}
