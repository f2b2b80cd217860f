//! DLMS/COSEM of meters (IEC 62056-47, section 6.3): the wrapper's version, two ends, the length of
//! the message, and its tag. Elsewhere than on its port a client has to name the application.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IEC62056"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4059;
/// {joint-iso-ccitt(2) country(16) 756 5 8 1}, the application's context.
const CONTEXT: &[u8] = b"\x60\x85\x74\x05\x08\x01";
/// Before and behind a frame of HDLC.
const FLAG: u8 = 0x7e;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.bytes.first() == Some(&FLAG) {
        return frame(speech);
    }
    Reader::require(reader.u16("version")? == 1, "version")?;
    reader.u32("ends")?;
    let length = usize::from(reader.u16("length")?);
    let whole = speech.transport == Transport::Tcp || reader.rest().len() == length;
    Reader::require(length > 0 && whole, "length")?;
    let tag = reader.u8("tag")?;
    // Association asked for and answered; initiation, read, write; get, set, notification, action;
    // the same ciphered; general ciphering and blocks.
    let known = matches!(tag,
        0x60..=0x63 | 0x01 | 0x05 | 0x06 | 0x08 | 0x0c..=0x0f | 0xc0..=0xcf | 0xd8..=0xe0);
    Reader::require(known, "tag")?;
    if !speech.on_port(PORT) {
        Reader::require(matches!(tag, 0x60 | 0x61), "port")?;
        let association = reader.take(length.saturating_sub(1).min(32), "association")?;
        let named = association
            .windows(CONTEXT.len())
            .any(|part| part == CONTEXT);
        Reader::require(named, "context")?;
    }
    Ok(Finding::default())
}

/// The frame of IEC 62056-46 (section 6.4.2): a format, a length, and a flag at its end.
fn frame(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    reader.u8("flag")?;
    let format = reader.u16("format")?;
    Reader::require(format >> 12 == 0xa, "format")?;
    let length = usize::from(format & 0x07ff);
    let rest = length.checked_sub(2).ok_or(Fault::Wrong("length"))?;
    reader.take(rest, "frame")?;
    Reader::require(reader.u8("flag")? == FLAG, "flag")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            4059,
            &[Opener(
                b"\0\x01\0\x10\0\x01\0\x1f`\x1d\xa1\x09\x06\x07`\x85t\x05\x08\x01\x01\
                    \xbe\x10\x04\x0e\x01\0\0\0\x06_\x1f\x04\0\0\x1e\x1d\xff\xff",
            )],
            "IEC62056",
        ),
        Talk::tcp(4059, &[Opener(b"~\xa0\x07\x03!\x93Sz~")], "IEC62056"),
        Talk::udp(
            4059,
            &[Opener(
                b"\0\x01\0\x10\0\x01\0\r\xc0\x01\xc1\0\x08\0\0\x01\0\0\xff\x02\0",
            )],
            "IEC62056",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_port_the_application_is_named() {
        let get = b"\0\x01\0\x10\0\x01\0\x02\xc0\x01";
        assert!(certain(4059, get) && !certain(4060, get));
        assert!(!certain(4059, &get[..9]) && !certain(4059, b"\0\x01\0\x10\0\x01\0\x02\xff\x01"));
        let Opener(associate) = TALKS[0].turns[0] else {
            panic!()
        };
        assert!(certain(40_000, associate));
    }
}
