//! RTMP by its handshake (Adobe's RTMP specification 1.0, section 5.2): a version, then a block of
//! 1536 bytes with a time, four zeros and filler. Encrypted and verified variants put a version in
//! the place of the zeros.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RTMP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1935;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    // Plain, and RTMPE with two kinds of key exchange.
    let version = reader.u8("version")?;
    Reader::require(matches!(version, 3 | 6 | 8), "version")?;
    reader.u32("time")?;
    let zeros = reader.u32("zeros")?;
    if speech.on_port(PORT) {
        // A client version, or zeros; nothing else begins with few enough bits.
        return plausible(zeros).map(|()| Finding::default());
    }
    Reader::require(zeros == 0 && version == 3, "zeros")?;
    let filler = reader.take(1528, "filler")?;
    // Protocols of fixed headers have long runs of zeros, filler has none.
    let random = filler
        .chunks(64)
        .all(|part| part.iter().any(|&byte| byte != 0));
    Reader::require(random, "filler")?;
    Ok(Finding::default())
}

/// Zeros, or four small parts of a version of the Flash player or of a server.
fn plausible(version: u32) -> Result<(), Fault> {
    let [major, ..] = version.to_be_bytes();
    Reader::require(version == 0 || matches!(major, 1..=64 | 0x80), "version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const PLAIN: &[u8] = &{
        let mut bytes = [0x5a; 1537];
        bytes[0] = 3;
        (bytes[5], bytes[6], bytes[7], bytes[8]) = (0, 0, 0, 0);
        bytes
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1935,
            &[
                Opener(b"\x03\0\x0f\x42\x40\x80\0\x07\x02\x2d\x3c\x5a\x11"),
                Responder(b"\x03\0\0\0\0\x03\x05\x01\x01\x7a\x2b"),
            ],
            "RTMP",
        ),
        Talk::tcp(40_001, &[Opener(PLAIN)], "RTMP"),
    ];

    #[test]
    fn a_short_beginning_away_from_the_port_is_not_yet_rtmp() {
        let judge = |bytes| probe(&Speech::stream(40_001, bytes, false));
        assert!(matches!(judge(&PLAIN[..1536]), Err(Fault::Short(_))));
        assert!(matches!(
            judge(b"\x03\0\0\x13\x0e\xe0\0\0\0"),
            Err(Fault::Wrong(_))
        ));
    }

    #[test]
    fn a_tpkt_header_on_the_port_is_not_rtmp() {
        let judge = |bytes| probe(&Speech::stream(1935, bytes, false));
        assert!(matches!(
            judge(b"\x03\0\0\x13\x0e\xe0\0\0\0"),
            Err(Fault::Wrong(_))
        ));
    }
}
