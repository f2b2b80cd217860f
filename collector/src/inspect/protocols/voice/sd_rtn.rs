//! SD-RTN, Agora's network for calls and streams: the first message of its handshake over UDP names
//! the server behind the tag SNI, in the manner of Google's QUIC Crypto. The vendor publishes no
//! description; the rule rests on the tag, its length and the name's ending.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SD-RTN"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    // What precedes the tags: a checksum, the message's type, counts.
    reader.take(13, "header")?;
    reader.magic(b"SNI\0", "tag")?;
    let length = usize::from(reader.u16_le("name length")?);
    let name = reader.take(length, "server name")?;
    let host = name.strip_suffix(b".agora.io").unwrap_or_default();
    let formed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.".contains(byte);
    Reader::require(!host.is_empty() && host.iter().all(formed), "server name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const HELLO: &[u8] =
        b"\0\x99\x78\x1d\0\0\x21\0\0\0\0\0\x04SNI\0\x17\x00192-0-2-1.edge.agora.ioPDMD";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(8130, &[Opener(HELLO)], "SD-RTN")];

    #[test]
    fn another_name_or_tag_is_not_sd_rtn() {
        for (from, to) in [(&b"agora"[..], &b"angora"[..]), (b"SNI", b"PAD")] {
            let at = HELLO.windows(from.len()).position(|part| part == from);
            let (start, rest) = HELLO.split_at(at.unwrap());
            let bytes = [start, to, &rest[from.len()..]].concat();
            assert!(probe(&Speech::datagram(8130, &bytes)).is_err());
        }
    }
}
