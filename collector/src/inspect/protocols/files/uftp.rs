//! UFTP, versions 4 and 5 (the "UFTP protocol specification" of its author): a header whose
//! function the message behind it repeats, with a length in words.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("UFTP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1044;
const VERSIONS: &[u8] = &[0x40, 0x50];
const HEADER: usize = 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    let source = message(speech.bytes)?;
    let again = |datagram| message(datagram) == Ok(source);
    if speech.on_port(PORT) || speech.earlier.datagrams().any(again) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("second message"))
}

/// The number of the sender.
fn message(datagram: &[u8]) -> Result<u32, Fault> {
    let mut reader = Reader::whole(datagram);
    let version = reader.u8("version")?;
    Reader::require(VERSIONS.contains(&version), "version")?;
    let function = reader.u8("function")?;
    Reader::require((1..=21).contains(&function), "function")?;
    reader.u16("sequence number")?;
    let source = reader.u32("source")?;
    reader.take(HEADER - 8, "header")?;
    Reader::require(
        reader.u8("message function")? == function,
        "message function",
    )?;
    let words = usize::from(reader.u8("header length")?);
    Reader::require(words >= 1, "header length")?;
    reader.take(words * 4 - 2, "message header")?;
    Ok(source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const ANNOUNCEMENT: &[u8] = b"\x40\x01\0\0\x0a\0\0\x01\x96\xf4\xc3\x04\0\x9d\0\0\x01\x06\0\x14\
        \0\0\x05\x14\x57\xa6\x5c\x1d\0\x05\x7a\x51\xe6\x04\x04\x01\xe6\x05\x05\x38";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(1044, &[Opener(ANNOUNCEMENT)], "UFTP")];

    #[test]
    fn the_message_repeats_the_function() {
        let mut bytes = ANNOUNCEMENT.to_vec();
        assert!(probe(&Speech::datagram(4000, &bytes)).is_err());
        bytes[16] = 2;
        assert!(probe(&Speech::datagram(1044, &bytes)).is_err());
    }
}
