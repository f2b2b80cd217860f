//! PFCP of mobile networks (3GPP TS 29.244, section 7.2.2): version 1, a message type and its own
//! length.

use super::gtp;
use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("PFCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 8805;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    let flags = reader.u8("flags")?;
    Reader::require(flags >> 5 == 1 && flags & 0x18 == 0, "flags")?;
    let kind = reader.u8("message type")?;
    Reader::require(matches!(kind, 1..=16 | 50..=57), "message type")?;
    let length = usize::from(reader.u16("length")?);
    let rest = reader.rest().get(length..);
    // Another message follows where the first says so.
    let followed = flags & 0x04 != 0 && rest.is_some_and(|rest| gtp::message(rest, 1));
    Reader::require(followed || rest == Some(&[]), "length")?;
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
        8805,
        &[
            Opener(b" \x01\0\x0c\0\0\x01\0\0`\0\x04\xe3\xb1\xc2\xd0"),
            Responder(b" \x02\0\x0c\0\0\x01\0\0`\0\x04\xe3\xb1\xc2\xd1"),
        ],
        "PFCP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s() {
        let request = b"\x20\x01\0\x04\0\0\x01\0";
        assert!(certain(8805, request) && !certain(8806, request));
        assert!(!certain(8805, &request[..7]));
        let mut followed = [&request[..], &request[..]].concat();
        assert!(!certain(8805, &followed));
        followed[0] |= 0x04;
        assert!(certain(8805, &followed) && !certain(8805, &followed[..15]));
    }
}
