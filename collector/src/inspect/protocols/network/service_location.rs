//! Service Location Protocol of version 1 (RFC 2165, section 4) and 2 (RFC 2608, section 8):
//! version, function, the message's own length and a language.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Service_Location_Protocol"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let version = reader.u8("version")?;
    Reader::require(matches!(version, 1 | 2), "version")?;
    let function = reader.u8("function")?;
    Reader::require((1..=11).contains(&function), "function")?;
    let length = match version {
        1 => u32::from(reader.u16("length")?),
        _ => reader.u24("length")?,
    };
    let whole = u32::try_from(speech.bytes.len()).is_ok_and(|whole| whole == length);
    Reader::require(whole || speech.transport == Transport::Tcp, "length")?;
    let language = match version {
        1 => first(&mut reader)?,
        _ => second(&mut reader, length)?,
    };
    let formed = language.first().is_some_and(u8::is_ascii_lowercase)
        && language
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    Reader::require(formed, "language")?;
    Ok(Finding::default())
}

/// Flags (three bits of them reserved), a dialect, which is 0, the language, and an encoding.
fn first<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    Reader::require(reader.u8("flags")? & 0x07 == 0, "flags")?;
    Reader::require(reader.u8("dialect")? == 0, "dialect")?;
    let language = reader.take(2, "language")?;
    reader.u32("encoding and number")?;
    Ok(language)
}

fn second<'a>(reader: &mut Reader<'a>, length: u32) -> Result<&'a [u8], Fault> {
    Reader::require(reader.u16("flags")? & 0x1fff == 0, "flags")?;
    Reader::require(reader.u24("extension")? <= length, "extension")?;
    reader.u16("number")?;
    let tag = usize::from(reader.u16("language")?);
    Reader::require((1..=16).contains(&tag), "language")?;
    reader.take(tag, "language")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            427,
            &[Opener(
                b"\x01\x06\0,\0\0en\0\x03\x1e\xf7\0\0\0\x18service:x-hpnp-discover:\0\
                    \0\0\0",
            )],
            "Service_Location_Protocol",
        ),
        Talk::tcp(
            427,
            &[Opener(
                b"\x02\x01\0\x001\0\0\0\0\0\0\x01\0\x02en\0\0\0\x15service:printer:a.b\
                    :c\0\0\0\0\0\0",
            )],
            "Service_Location_Protocol",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_length_must_be_the_datagram_s_and_the_language_in_letters() {
        let request = b"\x02\x01\0\0\x10\0\0\0\0\0\0\x01\0\x02en";
        assert!(certain(427, request));
        assert!(!certain(427, &request[..15]));
        let mut odd = *request;
        odd[14] = 0;
        assert!(!certain(427, &odd));
    }
}
