//! Elasticsearch's transport between nodes (Elasticsearch, `TcpHeader` and "Transport" of its
//! reference): `ES`, length, request id, status, version.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Elasticsearch"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PING: u32 = 0xffff_ffff;
/// What the length counts at least: request id, status, version.
const SHORTEST: u32 = 13;
/// Two digits each of major, minor and revision, and two more.
const VERSIONS: std::ops::RangeInclusive<u32> = 1_000_000..=99_999_999;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"ES", "magic")?;
    let length = reader.u32("length")?;
    if length == PING {
        return Ok(Finding::default());
    }
    Reader::require((SHORTEST..0x4000_0000).contains(&length), "length")?;
    let request = reader.u64("request id")?;
    Reader::require(request >> 48 == 0, "request id")?;
    // Response, error, compressed, handshake.
    Reader::require(reader.u8("status")? <= 0x0f, "status")?;
    let version = reader.u32("version")?;
    Reader::require(VERSIONS.contains(&version), "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// Two nodes shake hands.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            9300,
            &[
                Opener(b"ES\0\0\0\x33\0\0\0\0\0\0\0\x01\x08\0\x67\xeb\xf7\0\0\0\x1a\0\0\x11internal:tcp/handshake"),
                Responder(b"ES\0\0\0\x17\0\0\0\0\0\0\0\x01\x09\0\x67\xeb\xf7\0\0\0\x02\0\0"),
            ],
            "Elasticsearch",
        ),
    ];

    #[test]
    fn text_and_another_version_are_not_elasticsearch() {
        for (bytes, part) in [
            (&b"ESTABLISHED"[..], "length"),
            (b"ES\0\0\0\x33\0\0\0\0\0\0\0\x01\x08\0\0\0\x01", "version"),
            (b"ES\0\0\0\x33\0\0\0\0\0\0\0\x01\x10", "status"),
        ] {
            let judged = probe(&Speech::stream(9300, bytes, false)).unwrap_err();
            assert_eq!(judged, Fault::Wrong(part));
        }
    }
}
