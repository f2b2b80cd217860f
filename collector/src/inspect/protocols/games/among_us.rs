//! Among Us: the greeting of its transport, Hazel, with the client's version and the player's name.
//! The game's protocol is not published; the rule rests on the layout of Hazel's public source and
//! on the game's first message.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AmongUs"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: &[u16] = &[
    22_023, 22_123, 22_223, 22_323, 22_423, 22_523, 22_623, 22_723,
];

fn probe(speech: &Speech<'_>) -> Verdict {
    const HELLO: u8 = 8;
    Reader::require(speech.on_ports(PORTS), "port")?;
    let mut reader = Reader::whole(speech.bytes);
    // The first of all numbered messages, of Hazel's first version.
    reader.magic(&[HELLO, 0, 1, 0], "hello")?;
    reader.u32_le("version")?;
    let mut name = reader.part8("name")?;
    let length = name.rest().len();
    Reader::require((1..=40).contains(&length), "name")?;
    let name = name.take(length, "name")?;
    Reader::require(name.iter().all(|&byte| byte >= b' '), "name")?;
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
        22_023,
        &[
            Opener(b"\x08\0\x01\0\x80\xd9\x02\x03\x06AAAAAA"),
            Responder(b"\x0a\0\x01\xff"),
        ],
        "AmongUs",
    )];

    #[test]
    fn a_greeting_is_whole_and_on_a_port_of_the_game() {
        let hello = b"\x08\0\x01\0\x80\xd9\x02\x03\x06AAAAAA";
        assert!(probe(&Speech::datagram(40_000, hello)).is_err());
        assert!(probe(&Speech::datagram(22_023, &hello[..12])).is_err());
    }
}
