//! Heroes of the Storm: datagrams with a check of fourteen bytes, zero until keys are agreed upon,
//! and a type, on the ports of Blizzard's games. The vendor publishes no description; the rule
//! rests on those zeros and types.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Heroes_of_the_Storm"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: &[u16] = &[1119, 1120, 3724, 6113];

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(PORTS), "port")?;
    let check = header(speech.bytes)?;
    if check == [0; 14] {
        return Ok(Finding::default());
    }
    // The check begins with the connection's number, the same in each datagram.
    let again = speech.earlier.datagrams().filter(|said| {
        let same = said.first_chunk::<4>() == speech.bytes.first_chunk::<4>();
        same && *said != speech.bytes && header(said).is_ok()
    });
    Reader::require(again.count() > 0, "check")?;
    Ok(Finding::default())
}

fn header(bytes: &[u8]) -> Result<[u8; 14], Fault> {
    let mut reader = Reader::whole(bytes);
    let check = reader.take(14, "check")?;
    let kind = reader.u16("type")?;
    Reader::require(matches!(kind, 0x4000 | 0x4010), "type")?;
    reader.u32("number")?;
    check.try_into().map_err(|_| Fault::Wrong("check"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            1119,
            &[Responder(
                b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\x09\xef\x65\xde",
            )],
            "Heroes_of_the_Storm",
        ),
        Talk::udp(
            3724,
            &[
                Opener(
                    b"\xe6\x5d\x34\0\x97\x27\x14\xf7\x3f\x95\xaa\xe0\x3e\x36\x40\0\x1a\xbc\x63\xb3",
                ),
                Opener(
                    b"\xe6\x5d\x34\0\x2f\x9d\xbb\x13\x81\xe6\xd0\x76\x79\x64\x40\0\x1a\xc0\x63\xbf",
                ),
            ],
            "Heroes_of_the_Storm",
        ),
    ];

    #[test]
    fn one_datagram_with_a_check_proves_nothing() {
        let one = b"\xe6\x5d\x34\0\x97\x27\x14\xf7\x3f\x95\xaa\xe0\x3e\x36\x40\0\x1a\xbc\x63\xb3";
        assert!(probe(&Speech::datagram(3724, one)).is_err());
        assert!(probe(&Speech::datagram(4000, &[0; 20])).is_err());
    }
}
