//! KCP: a datagram is filled with segments of one conversation (KCP's protocol description). A
//! conversation that goes on with the same number proves it.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("KCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let number = segments(speech.bytes)?;
    let heard = speech.earlier.datagrams().chain(speech.other.datagrams());
    let again = heard.filter(|said| segments(said) == Ok(number)).count();
    if number != 0 && again > 0 {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

/// The conversation's number.
fn segments(bytes: &[u8]) -> Result<u32, Fault> {
    let mut reader = Reader::whole(bytes);
    let number = Reader::whole(bytes).u32_le("conversation")?;
    while !reader.at_end() {
        Reader::require(reader.u32_le("conversation")? == number, "conversation")?;
        let command = reader.u8("command")?;
        Reader::require((81..=84).contains(&command), "command")?;
        reader.u8("fragment")?;
        reader.u16_le("window")?;
        reader.u32_le("time")?;
        reader.u32_le("number")?;
        reader.u32_le("unacknowledged")?;
        let length = usize::try_from(reader.u32_le("length")?).unwrap_or(usize::MAX);
        Reader::require(command == 81 || length == 0, "length")?;
        reader.take(length, "data")?;
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        4000,
        &[
            Opener(b"\x44\x33\x22\x11\x51\0\x80\0\x10\x27\0\0\0\0\0\0\0\0\0\0\x02\0\0\0hi"),
            Responder(b"\x44\x33\x22\x11\x52\0\x80\0\x10\x27\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"),
        ],
        "KCP",
    )];

    #[test]
    fn a_segment_alone_is_only_likely_and_must_fill_its_datagram() {
        let segment = b"\x44\x33\x22\x11\x52\0\x80\0\x10\x27\0\0\0\0\0\0\x01\0\0\0\0\0\0\0";
        assert!(probe(&Speech::datagram(4000, segment)).is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(4000, &segment[..23])).is_err());
        assert!(probe(&Speech::datagram(4000, b"")).is_err());
    }
}
