//! Steam: its client's connections to a connection manager, whose messages bear `VT01` over TCP and
//! `VS01` over UDP, and the search for other clients in a local network. The vendor publishes no
//! description; the rules rest on those magic numbers.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Steam"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const DISCOVERY: &[u8] = b"\xff\xff\xff\xff\x21\x4c\x5f\xa0";
/// Neither encrypts before it has said a few hundred bytes.
const LONGEST: u32 = 1 << 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => {
            let mut reader = Reader::open(speech.bytes);
            let length = reader.u32_le("length")?;
            Reader::require((4..LONGEST).contains(&length), "length")?;
            reader.magic(b"VT01", "magic")?;
        }
        Transport::Udp => {
            let mut reader = Reader::whole(speech.bytes);
            if speech.bytes.first() == DISCOVERY.first() {
                reader.magic(DISCOVERY, "magic")?;
            } else {
                reader.magic(b"VS01", "magic")?;
            }
        }
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            27_017,
            &[Responder(b"\x1c\0\0\0VT01\x17\x05\0\0\xff\xff\xff\xff")],
            "Steam",
        ),
        Talk::udp(
            27_017,
            &[Opener(
                b"VS01\0\0\x01\x04\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            )],
            "Steam",
        ),
        Talk::udp(
            27_036,
            &[Opener(
                b"\xff\xff\xff\xff\x21\x4c\x5f\xa0\x0d\0\0\0\x08\xcd\xb1",
            )],
            "Steam",
        ),
    ];

    #[test]
    fn a_length_that_no_message_has_is_not_steam() {
        assert!(probe(&Speech::stream(27_017, b"\x1c\0\0\x01VT01", false)).is_err());
        assert!(probe(&Speech::datagram(27_036, b"\xff\xff\xff\xff\x21\x4c")).is_err());
    }
}
