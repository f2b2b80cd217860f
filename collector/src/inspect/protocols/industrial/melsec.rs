//! Mitsubishi's MELSEC communication protocol (SLMP): frames 3E and 4E, binary and in letters, by
//! the subheader and the number of the module that is spoken to; and MELSOFT's frames, which hold
//! the same number further on.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MELSEC"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// The module of the station itself.
const OWN: &[u8] = b"\xff\x03";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    match reader.u8("subheader")? {
        0x50 | 0xd0 => {
            reader.magic(b"\0", "subheader")?;
            access(&mut reader)?;
        }
        0x54 | 0xd4 => {
            reader.magic(b"\0", "subheader")?;
            reader.u16("number")?;
            Reader::require(reader.u16("reserved")? == 0, "reserved")?;
            access(&mut reader)?;
        }
        b'5' | b'D' => letters(&mut reader)?,
        0x57 | 0xd7 => melsoft(&mut reader)?,
        _ => return Err(Fault::Wrong("subheader")),
    }
    Ok(Finding::default())
}

/// Network, station and module, and the length of what follows.
fn access(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.u16("network and station")?;
    reader.magic(OWN, "module")?;
    reader.u8("station")?;
    let length = reader.u16_le("length")?;
    Reader::require((2..=0x2000).contains(&length), "length")
}

/// The same as numbers of hexadecimal digits.
fn letters(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let kind = reader.u8("subheader")?;
    Reader::require(matches!(kind, b'0' | b'4'), "subheader")?;
    reader.magic(b"00", "subheader")?;
    let number = if kind == b'4' { 8 } else { 0 };
    let digits = reader.take(number + 4, "network and station")?;
    let formed = digits.iter().all(u8::is_ascii_hexdigit);
    Reader::require(formed, "network and station")?;
    reader.magic(b"03FF", "module")
}

fn melsoft(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"\0", "subheader")?;
    reader.u64("header")?;
    reader.magic(b"\xff\xff\x03\0", "module")
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
            5007,
            &[
                Opener(b"P\0\0\xff\xff\x03\0\x0c\0\x10\0\x01\x04\0\0d\0\0\xa8\x03\0"),
                Responder(b"\xd0\0\0\xff\xff\x03\0\x08\0\0\0\x124\x124\xab\xcd"),
            ],
            "MELSEC",
        ),
        Talk::udp(
            5006,
            &[Opener(
                b"T\0\x01\0\0\0\0\xff\xff\x03\0\x0c\0\x10\0\x01\x04\0\0d\0\0\xa8\x03\0",
            )],
            "MELSEC",
        ),
        Talk::tcp(
            5007,
            &[Opener(b"500000FF03FF000018001004010000D*0000640003")],
            "MELSEC",
        ),
        Talk::tcp(
            5007,
            &[Opener(
                b"W\0\0\0\0\x11\x11\x07\0\0\xff\xff\x03\0\0\xfe\x03\0\0\x14\0\x1c\x08\
                    \n\x08",
            )],
            "MELSEC",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_module_or_length_is_not_melsec() {
        assert!(certain(40_000, b"\x50\0\0\xff\xff\x03\0\x0c\0"));
        assert!(!certain(5007, b"\x50\0\0\xff\xff\x04\0\x0c\0"));
        assert!(!certain(5007, b"\x50\0\0\xff\xff\x03\0\0\0"));
        assert!(
            !certain(5007, b"500000FG03FF") && !certain(5007, b"\x57\0\0\0\0\x11\x11\x07\0\0\0")
        );
    }
}
