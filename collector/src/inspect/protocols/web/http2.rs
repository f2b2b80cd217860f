//! HTTP/2 in clear, where the client knows beforehand that the server speaks it (RFC 9113, section
//! 3.3): the client's preface, or the settings with which a server begins (sections 3.4 and 6.5).
//!
//! Header blocks are compressed (RFC 7541) and are not read.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("HTTP2"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == PREFACE.first() {
        reader.magic(PREFACE, "preface")?;
    } else {
        settings(&mut reader)?;
    }
    Ok(Finding::default())
}

/// A first frame of settings, whose parameters are registered, and a second that confirms the
/// client's or grants a window.
fn settings(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const PARAMETER: u32 = 6;
    let length = reader.u24("length")?;
    let sound = length % PARAMETER == 0 && (1..=16).contains(&(length / PARAMETER));
    Reader::require(sound, "length")?;
    reader.magic(&[SETTINGS, 0, 0, 0, 0, 0], "settings")?;
    for _ in 0..length / PARAMETER {
        let parameter = reader.u16("parameter")?;
        Reader::require((1..=9).contains(&parameter), "parameter")?;
        reader.u32("value")?;
    }
    let next = reader.u24("length")?;
    let kind = reader.u8("type")?;
    let flags = reader.u8("flags")?;
    let confirms = (next, kind, flags) == (0, SETTINGS, 1);
    Reader::require(
        confirms || (next, kind, flags) == (4, WINDOW_UPDATE, 0),
        "frame",
    )?;
    reader.magic(&[0; 4], "stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        80,
        &[
            Opener(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64"),
            Responder(b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\0\0\x04\x01\0\0\0\0"),
        ],
        "HTTP2",
    )];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(80, bytes, false))
    }

    #[test]
    fn settings_alone_are_too_few_fixed_bytes() {
        let first = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80";
        assert!(matches!(judge(first), Err(Fault::Short(_))));
        let update = [&first[..], b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0"].concat();
        assert!(judge(&update).is_ok());
    }

    #[test]
    fn an_unknown_parameter_or_a_stream_of_its_own_is_not_http2() {
        assert!(matches!(
            judge(b"\0\0\x06\x04\0\0\0\0\0\xff\x03"),
            Err(Fault::Wrong(_))
        ));
        assert!(matches!(
            judge(b"\0\0\x06\x04\0\0\0\0\x01"),
            Err(Fault::Wrong(_))
        ));
        assert!(matches!(judge(b"PRI * HTTP/1.1\r\n"), Err(Fault::Wrong(_))));
    }
}
