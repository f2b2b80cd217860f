//! Skype over UDP as it was until 2014 (Bonfiglio et al., "Revealing Skype Traffic", SIGCOMM 2007,
//! section 3): an identifier that the reply copies, then a type. A query that the other side could
//! not read is refused in eleven bytes, and said again with five more.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Skype_TeamsCall"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let message = Message::read(speech.bytes)?;
    let heard = |other: &[u8]| Message::read(other).is_ok_and(|other| other.refused(&message));
    let told = |other: &[u8]| Message::read(other).is_ok_and(|other| message.refused(&other));
    let again = |older: &[u8]| Message::read(older).is_ok_and(|older| message.repeats(&older));
    if speech
        .other
        .datagrams()
        .any(|other| heard(other) || told(other))
        || speech.earlier.datagrams().any(again)
    {
        return Ok(Finding::default());
    }
    Err(Fault::Short("reply"))
}

struct Message {
    identifier: u16,
    kind: u8,
    length: usize,
}

const QUERY: u8 = 0x02;
const REPEATED: u8 = 0x03;
const REFUSAL: u8 = 0x07;

impl Message {
    fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let mut reader = Reader::whole(bytes);
        let identifier = reader.u16("identifier")?;
        let first = reader.u8("type")?;
        // The other three bits are of chance, but in a query, which has none of them set.
        let kind = first & 0x8f;
        let length = bytes.len();
        let fits = match kind {
            QUERY => first == QUERY && length >= 18,
            REPEATED => length >= 23,
            REFUSAL => length == 11,
            _ => false,
        };
        Reader::require(fits, "type")?;
        Ok(Self {
            identifier,
            kind,
            length,
        })
    }

    /// `refusal` answers this query.
    fn refused(&self, refusal: &Self) -> bool {
        self.kind == QUERY && refusal.kind == REFUSAL && self.identifier == refusal.identifier
    }

    /// This is `query` again.
    fn repeats(&self, query: &Self) -> bool {
        let longer = self.length == query.length + 5;
        let kinds = self.kind == REPEATED && query.kind == QUERY;
        kinds && longer && self.identifier == query.identifier
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const ASKED: &[u8] = b"\x12\x34\x02abcdefghijklmno";
    const REFUSED: &[u8] = b"\x12\x34\x57\xc0\0\x02\x01\x0a\x0b\x0c\x0d";
    const AGAIN: &[u8] = b"\x12\x34\x73\x01\xc0\0\x02\x02abcdefghijklmno";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            40_001,
            &[Opener(ASKED), Responder(REFUSED), Opener(AGAIN)],
            "Skype_TeamsCall",
        ),
        Talk::udp(40_001, &[Opener(ASKED), Opener(AGAIN)], "Skype_TeamsCall"),
    ];

    fn refused(query: &[u8], refusal: &[u8]) -> bool {
        Message::read(query)
            .unwrap()
            .refused(&Message::read(refusal).unwrap())
    }

    #[test]
    fn a_refusal_has_the_query_s_identifier() {
        assert!(refused(ASKED, REFUSED));
        let mut other = REFUSED.to_vec();
        other[0] = 0x13;
        assert!(!refused(ASKED, &other));
        assert!(Message::read(&REFUSED[..10]).is_err());
    }

    #[test]
    fn a_query_alone_is_not_yet_skype() {
        assert!(probe(&Speech::datagram(40_001, ASKED)).is_err());
        assert!(probe(&Speech::datagram(40_001, &ASKED[..12])).is_err());
    }
}
