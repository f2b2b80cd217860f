//! Games of Blizzard's classic Battle.net: the chat server's first message, which names platform
//! and product backwards, and the games of Warcraft III in a local network. The vendor publishes no
//! description; the rules rest on the fixed bytes and the products' names that clients send.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Starcraft"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const WARCRAFT: Label = Label::of("Warcraft3");

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => logon(&mut Reader::open(speech.bytes)),
        Transport::Udp => local_game(&mut Reader::whole(speech.bytes)),
    }
}

/// A client chooses the protocol (1), and says who it is.
fn logon(reader: &mut Reader<'_>) -> Verdict {
    reader.magic(&[1, 0xff, 0x50], "message")?;
    let length = reader.u16_le("length")?;
    Reader::require((40..=512).contains(&length), "length")?;
    reader.magic(&[0; 4], "protocol")?;
    let platform = reader.take(4, "platform")?;
    Reader::require(matches!(platform, b"68XI" | b"CAMP" | b"CAMX"), "platform")?;
    match reader.take(4, "product")? {
        b"RATS" | b"PXES" | b"RTSJ" | b"RHSS" => Ok(Finding::default()),
        b"3RAW" | b"PX3W" => Ok(Finding::of(WARCRAFT)),
        _ => Err(Fault::Wrong("product")),
    }
}

/// A search for games, or a game's announcement.
fn local_game(reader: &mut Reader<'_>) -> Verdict {
    let length = u16::try_from(reader.rest().len()).unwrap_or(u16::MAX);
    reader.magic(&[0xf7], "message")?;
    let kind = reader.u8("kind")?;
    Reader::require((0x2f..=0x33).contains(&kind), "kind")?;
    Reader::require(reader.u16_le("length")? == length, "length")?;
    if kind <= 0x30 {
        let product = reader.take(4, "product")?;
        Reader::require(matches!(product, b"3RAW" | b"PX3W"), "product")?;
        return Ok(Finding::of(WARCRAFT));
    }
    reader.u32("game")?;
    Ok(Finding {
        likely: true,
        ..Finding::of(WARCRAFT)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            6112,
            &[Opener(
                b"\x01\xff\x50\x3a\0\0\0\0\x0068XIPXES\xd3\0\0\0SUne\xc0\0\x02\x01",
            )],
            "Starcraft",
        ),
        Talk::tcp(
            6112,
            &[Opener(
                b"\x01\xff\x50\x3a\0\0\0\0\x0068XIPX3W\x1b\0\0\0SUne",
            )],
            "Warcraft3",
        ),
        Talk::udp(
            6112,
            &[Opener(b"\xf7\x2f\x10\0PX3W\x1b\0\0\0\0\0\0\0")],
            "Warcraft3",
        ),
    ];

    #[test]
    fn another_product_or_length_is_not_of_battle_net() {
        let other = b"\x01\xff\x50\x3a\0\0\0\0\x0068XIVD2DX";
        assert!(probe(&Speech::stream(6112, other, false)).is_err());
        assert!(
            probe(&Speech::datagram(
                6112,
                b"\xf7\x2f\x11\0PX3W\x1b\0\0\0\0\0\0\0"
            ))
            .is_err()
        );
    }
}
