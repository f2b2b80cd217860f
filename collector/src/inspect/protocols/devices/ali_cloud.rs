//! Alibaba Cloud's security agent. The vendor publishes no description; the rule rests on the magic
//! number of a frame and the length behind it, least significant byte first.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AliCloud"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: u32 = 1 << 20;
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"\xce\xfa\xbe\xba", "magic")?;
    let length = reader.u32_le("length")?;
    Reader::require((1..=LONGEST).contains(&length), "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8999,
        &[
            Opener(b"\xce\xfa\xbe\xba\x80\0\0\0"),
            Opener(b"\x72\x59\x03\x01\x9b\x7c\x6e\x8c"),
            Responder(b"\xce\xfa\xbe\xba\x30\0\0\0\x68\x5d\x1c\x3a"),
        ],
        "AliCloud",
    )];

    #[test]
    fn an_absurd_length_is_not_of_the_agent() {
        assert!(probe(&Speech::stream(8999, b"\xce\xfa\xbe\xba\0\0\0\x80", false)).is_err());
    }
}
