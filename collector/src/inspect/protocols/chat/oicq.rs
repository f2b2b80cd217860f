//! QQ's older protocol OICQ on its port. The vendor publishes no description; the rule rests on the
//! marks of begin and end and on the range of the commands between them.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("OICQ"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 8000;
const BEGIN: u8 = 2;
const END: u8 = 3;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "OICQ port")?;
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(reader.u8("begin")? == BEGIN, "begin")?;
    Reader::require((1..0x4000).contains(&reader.u16("version")?), "version")?;
    Reader::require((1..0x100).contains(&reader.u16("command")?), "command")?;
    reader.u16("sequence number")?;
    Reader::require(
        reader.u32("number of the user")? >= 10_000,
        "number of the user",
    )?;
    Reader::require(reader.rest().last() == Some(&END), "end")?;
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
        8000,
        &[
            Opener(b"\x02\x34\x4b\0\x17\x06\xfb\x0e\x8f\x96\x71\x01\x02\x03\x04\x03"),
            Responder(b"\x02\x34\x4b\0\x17\x06\xfb\x0e\x8f\x96\x71\x05\x06\x07\x08\x03"),
        ],
        "OICQ",
    )];

    #[test]
    fn the_marks_and_the_port_are_needed() {
        let bytes = b"\x02\x34\x4b\0\x17\x06\xfb\x0e\x8f\x96\x71\x01\x02\x03\x04\x03";
        assert!(probe(&Speech::datagram(4000, bytes)).is_err());
        assert!(probe(&Speech::datagram(8000, &bytes[..15])).is_err());
    }
}
