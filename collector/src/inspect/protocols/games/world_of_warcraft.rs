//! World of Warcraft: the text with which both sides open a connection to a realm, behind its
//! length, and the client's challenge to the server of logins, which names the game. The vendor
//! publishes no description; the rules rest on that text and that name.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WorldOfWarcraft"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == Some(&0) {
        return challenge(&mut reader);
    }
    let length = reader.u16_le("length")?;
    Reader::require((40..64).contains(&length), "length")?;
    reader.magic(b"WORLD OF WARCRAFT CONNECTION - ", "text")?;
    Ok(Finding::default())
}

fn challenge(reader: &mut Reader<'_>) -> Verdict {
    reader.magic(&[0], "command")?;
    let version = reader.u8("protocol")?;
    Reader::require(version <= 8, "protocol")?;
    let length = reader.u16_le("length")?;
    Reader::require((30..=30 + 64).contains(&length), "length")?;
    reader.magic(b"WoW\0", "game")?;
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
            3724,
            &[
                Responder(b"0\0WORLD OF WARCRAFT CONNECTION - SERVER TO CLIENT\0"),
                Opener(b"0\0WORLD OF WARCRAFT CONNECTION - CLIENT TO SERVER\0"),
            ],
            "WorldOfWarcraft",
        ),
        Talk::tcp(
            3724,
            &[Opener(
                b"\0\x08\x22\0WoW\0\x03\x03\x05\x34\x3068x\0niW\0SUne\x3c\0\0\0\xc0\0\x02\x01\x04USER",
            )],
            "WorldOfWarcraft",
        ),
    ];

    #[test]
    fn another_game_s_challenge_is_not_world_of_warcraft() {
        assert!(probe(&Speech::stream(3724, b"\0\x08\x22\0WAR3\x03", false)).is_err());
        assert!(probe(&Speech::stream(3724, b"0\0WORLD OF ", false)).is_err());
    }
}
