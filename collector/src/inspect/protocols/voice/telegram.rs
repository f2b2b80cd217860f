//! Telegram's calls as the source of Telegram's library libtgvoip has them: a client's requests to a
//! reflector are a peer tag, three times -1, and which request it is.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TelegramVoip"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let tag = reader.take(16, "peer tag")?;
    // Silence and filler are runs of the same byte that begin earlier.
    Reader::require(!tag.ends_with(&[0xff; 2]), "peer tag")?;
    reader.magic(&[0xff; 12], "mark of a request")?;
    // Its own address (-1) or an echo (-2).
    let request = reader.u32_le("request")?;
    Reader::require(request >= u32::MAX - 1, "request")?;
    // At most an identifier follows and the padding of one block.
    Reader::require(reader.rest().len() <= 32, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const PING: &[u8] = b"0123456789abcdef\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
        \xfe\xff\xff\xff\x01\x02\x03\x04\x05\x06\x07\x08";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(533, &[Opener(PING)], "TelegramVoip")];

    #[test]
    fn filler_bytes_are_not_a_request() {
        assert!(probe(&Speech::datagram(533, &[0xff; 40])).is_err());
        let media = [&PING[..16], &[0xff; 144]].concat();
        assert!(probe(&Speech::datagram(533, &media)).is_err());
        let mut bytes = PING.to_vec();
        bytes[28] = 0;
        assert!(probe(&Speech::datagram(533, &bytes)).is_err());
    }
}
