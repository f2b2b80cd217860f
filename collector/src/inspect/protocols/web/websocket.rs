//! WebSocket taken up behind its handshake: a frame of text, masked by a client and bare from a
//! server (RFC 6455, sections 5.2 and 5.3). With the handshake it is HTTP that names it.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WebSocket"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// As much of a text as is looked at, and as little as tells it from chance.
const ENOUGH: usize = 64;
const SHORTEST: usize = 12;

fn probe(speech: &Speech<'_>) -> Verdict {
    /// The last frame of a message of text.
    const TEXT: u8 = 0x81;
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[TEXT], "frame")?;
    let length = reader.u8("length")?;
    let (masked, length) = (length & 0x80 != 0, usize::from(length & 0x7f));
    let length = match length {
        126 => usize::from(reader.u16("length")?),
        127 => return Err(Fault::Wrong("length")),
        short => short,
    };
    Reader::require(length >= SHORTEST, "length")?;
    let mask = if masked { reader.u32("mask")? } else { 0 };
    let text = reader.take(length.min(ENOUGH), "text")?;
    let plain = text.iter().zip(mask.to_be_bytes().into_iter().cycle());
    let mut plain = plain.map(|(byte, mask)| byte ^ mask);
    let sound = plain.all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    Reader::require(sound, "text")?;
    Ok(Finding::likely())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8081,
        &[
            Opener(b"\x81\x8d\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\xd6\x01\x4a\x58\x88\x4d\x59\x16"),
            Responder(b"\x81\x0dHello, client"),
        ],
        "WebSocket",
    )];

    #[test]
    fn a_short_text_or_one_that_is_none_is_not_websocket() {
        let judge = |bytes| probe(&Speech::stream(8081, bytes, false));
        assert!(judge(b"\x81\x05Hello").is_err());
        assert!(judge(b"\x81\x0dHello,\0client").is_err());
        assert!(judge(b"\x82\x0dHello, client").is_err());
        assert!(matches!(judge(b"\x81\x0dHello"), Err(Fault::Short(_))));
    }
}
