//! Calls of IMO. The vendor publishes no description; the rule rests on the echo requests of both
//! sides, with a time of eight bytes, little-endian, that the other repeats, before which a server
//! that relays them puts a zero. Two of them, or one and its answer, make a call.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IMO"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    echo(speech.bytes)?;
    let mut heard = speech.earlier.datagrams().chain(speech.other.datagrams());
    if heard.any(|older| echo(older).is_ok()) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

fn echo(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    if bytes.len() == 11 {
        reader.magic(&[0], "relayed")?;
    }
    reader.magic(&[9], "type")?;
    Reader::require(matches!(reader.u8("type")?, 2 | 3), "type")?;
    // Milliseconds since the start, or of the other's clock.
    Reader::require(reader.u32_le("time")? != 0, "time")?;
    reader.magic(&[0; 4], "time")?;
    reader.end("end")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const REQUEST: &[u8] = b"\x09\x02\xdc\x9a\x02\0\0\0\0\0";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        57_604,
        &[
            Opener(REQUEST),
            Responder(b"\x09\x03\xdc\x9a\x02\0\0\0\0\0"),
        ],
        "IMO",
    )];

    #[test]
    fn one_echo_is_likely_and_no_more() {
        assert!(probe(&Speech::datagram(57_604, REQUEST)).is_ok_and(|finding| finding.likely));
        assert!(echo(b"\0\x09\x03\x21\x9a\x02\0\0\0\0\0").is_ok());
        assert!(echo(b"\x09\x02\0\0\0\0\0\0\0\0").is_err());
        assert!(echo(&REQUEST[..9]).is_err());
    }
}
