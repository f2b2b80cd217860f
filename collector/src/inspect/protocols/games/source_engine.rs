//! Queries of game servers as Valve's engines answer them (Valve's developer wiki, "Server
//! queries").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Source_Engine"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// A message of one part.
const SINGLE: [u8; 4] = [0xff; 4];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(&SINGLE, "header")?;
    let kind = reader.u8("kind")?;
    if kind == b'T' {
        reader.magic(b"Source Engine Query\0", "query")?;
        return Ok(Finding::default());
    }
    let answers = speech
        .other
        .datagrams()
        .any(|said| said.starts_with(&SINGLE));
    // Servers keep to these ports unless told otherwise.
    let at_home = (27_000..=27_050).contains(&speech.port);
    Reader::require(answers || at_home, "port")?;
    let rest = reader.rest().len();
    let sound = match kind {
        // Queries for players, rules and a challenge, and the challenge itself.
        b'U' | b'V' | b'A' => rest == 4,
        b'W' | b'i' => rest == 0,
        // Their answers end with text, or with counts.
        b'D' | b'E' | b'I' | b'm' => rest > 1,
        _ => false,
    };
    Reader::require(sound, "kind")?;
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
        27_015,
        &[
            Opener(b"\xff\xff\xff\xffTSource Engine Query\0"),
            Responder(b"\xff\xff\xff\xffA\x4b\xa1\xd5\x22"),
        ],
        "Source_Engine",
    )];

    #[test]
    fn an_answer_is_known_beside_its_query_or_on_the_ports() {
        let challenge = b"\xff\xff\xff\xffA\x4b\xa1\xd5\x22";
        assert!(probe(&Speech::datagram(27_016, challenge)).is_ok());
        assert!(probe(&Speech::datagram(40_000, challenge)).is_err());
        assert!(probe(&Speech::datagram(27_016, b"\xff\xff\xff\xffA\x4b")).is_err());
    }
}
