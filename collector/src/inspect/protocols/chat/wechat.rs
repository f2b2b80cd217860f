//! WeChat by mmtls, its own form of TLS 1.3. The vendor publishes a description without the bytes;
//! the rule rests on a record of type, version F103 or F104 and length, with a handshake message of
//! its own length in it.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WeChat"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const HANDSHAKE: u8 = 0x16;
const EARLY: u8 = 0x19;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let kind = reader.u8("record type")?;
    Reader::require(matches!(kind, HANDSHAKE | EARLY), "record type")?;
    Reader::require(reader.u8("version")? == 0xf1, "version")?;
    Reader::require(matches!(reader.u8("version")?, 3 | 4), "version")?;
    let record = u32::from(reader.u16("record length")?);
    let message = reader.u32("message length")?;
    Reader::require(
        message > 0 && record.checked_sub(4) == Some(message),
        "message length",
    )?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        8080,
        &[
            Opener(b"\x16\xf1\x03\0\xa1\0\0\0\x9d\x01\x04\xf1\x01\xc0\x2b"),
            Responder(b"\x16\xf1\x03\0\x7a\0\0\0\x76\x02\x04\xf1\xc0\x2b"),
        ],
        "WeChat",
    )];

    #[test]
    fn tls_and_another_length_are_not_wechat() {
        assert!(probe(&Speech::stream(443, b"\x16\x03\x01\0\xa1\0\0\0\x9d", false)).is_err());
        assert!(probe(&Speech::stream(443, b"\x16\xf1\x03\0\xa1\0\0\0\x9c", false)).is_err());
    }
}
