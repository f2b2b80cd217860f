//! KakaoTalk's LOCO protocol: the key exchange that the client begins a secured session with, or,
//! without one, the header of a command whose data are a BSON document. The vendor publishes no
//! description; the rule rests on the three small numbers of the exchange, and on the document's
//! length, which stands there twice.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("KakaoTalk"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONGEST: u32 = 1 << 24;
const LONGEST_NAME: usize = 11;

fn probe(speech: &Speech<'_>) -> Verdict {
    match key_exchange(speech.bytes) {
        Err(Fault::Wrong(_)) => command(speech.bytes)?,
        judged => judged?,
    }
    Ok(Finding::default())
}

/// The size of an RSA block, the kinds of its padding and of the cipher, and the block.
fn key_exchange(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    let size = reader.u32_le("key size")?;
    Reader::require(matches!(size, 128 | 256), "key size")?;
    let padding = reader.u32_le("key kind")?;
    Reader::require((1..=16).contains(&padding), "key kind")?;
    let cipher = reader.u32_le("cipher")?;
    Reader::require((1..=3).contains(&cipher), "cipher")
}

/// Number, status, name, kind of data and their length.
fn command(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    reader.u32_le("number")?;
    reader.u16_le("status")?;
    let name = reader.take(LONGEST_NAME, "name")?;
    let end = name.iter().position(|&byte| byte == 0);
    let (text, rest) = name.split_at(end.unwrap_or(name.len()));
    let capitals = text.len() >= 3 && text.iter().all(u8::is_ascii_uppercase);
    Reader::require(capitals && rest.iter().all(|&byte| byte == 0), "name")?;
    reader.u8("kind of data")?;
    let length = reader.u32_le("length")?;
    Reader::require((5..LONGEST).contains(&length), "length")?;
    Reader::require(
        reader.u32_le("document length")? == length,
        "document length",
    )
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
            5223,
            &[Opener(b"\0\x01\0\0\x0c\0\0\0\x02\0\0\0\x5c\x11\x7a\xe0")],
            "KakaoTalk",
        ),
        Talk::tcp(
            10_009,
            &[
                Opener(
                    b"\x01\0\0\0\0\0CHECKIN\0\0\0\0\0\x13\0\0\0\x13\0\0\0\x10userId\0\0\0\0\0\0",
                ),
                Responder(b"\x01\0\0\0\0\0CHECKIN\0\0\0\0\0\x05\0\0\0\x05\0\0\0\0"),
            ],
            "KakaoTalk",
        ),
    ];

    #[test]
    fn the_document_repeats_the_length() {
        let bytes = b"\x01\0\0\0\0\0CHECKIN\0\0\0\0\0\x13\0\0\0\x14\0\0\0";
        assert!(probe(&Speech::stream(10_009, bytes, false)).is_err());
    }

    #[test]
    fn another_key_size_is_no_key_exchange() {
        let bytes = b"\0\x02\0\0\x0c\0\0\0\x02\0\0\0";
        assert!(key_exchange(bytes).is_err_and(|fault| fault == Fault::Wrong("key size")));
    }
}
