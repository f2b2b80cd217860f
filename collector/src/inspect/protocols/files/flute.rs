//! FLUTE by the file delivery table that its sessions begin with (RFC 6726, section 3.4): a header
//! of Layered Coding Transport (RFC 5651, section 5.1), object number zero and the extension that
//! numbers the table.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("FLUTE"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const EXT_FDT: u8 = 192;
/// Extensions of this type and above are one word long.
const ONE_WORD: u8 = 128;
const WORD: usize = 4;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let flags = reader.u16("flags")?;
    Reader::require(flags >> 12 == 1, "version")?;
    let words = usize::from(reader.u8("header length")?);
    Reader::require(words >= 4, "header length")?;
    reader.u8("codepoint")?;
    let mut header = reader.part((words - 1) * WORD, "header")?;
    identifiers(&mut header, flags)?;
    table(&mut header)?;
    Ok(Finding::default())
}

/// Congestion control, session and object; their sizes are in the flags.
fn identifiers(header: &mut Reader<'_>, flags: u16) -> Result<(), Fault> {
    let bits = |shift: u16, mask: u16| usize::from(flags >> shift & mask);
    let half = bits(4, 1) * 2;
    header.take((bits(10, 3) + 1) * WORD, "congestion control")?;
    header.take(bits(7, 1) * WORD + half, "session")?;
    let object = header.take(bits(5, 3) * WORD + half, "object")?;
    let first = !object.is_empty() && object.iter().all(|&byte| byte == 0);
    Reader::require(first, "object")
}

fn table(header: &mut Reader<'_>) -> Result<(), Fault> {
    loop {
        let kind = header.u8("extension")?;
        if kind == EXT_FDT {
            let version = header.u8("FLUTE version")? >> 4;
            return Reader::require(matches!(version, 1 | 2), "FLUTE version");
        }
        let rest = match kind {
            ONE_WORD.. => WORD - 1,
            _ => usize::from(header.u8("extension length")?).max(1) * WORD - 2,
        };
        header.take(rest, "extension")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const TABLE: &[u8] =
        b"\x10\xa0\x08\0\0\0\0\0\0\0\0\x01\0\0\0\0\xc0\x10\0\0\x40\0\0\0\0\0\x20\0\
        \0\0\0\0\0\0\0\0<?xml version=\"1.0\"?><FDT-Instance";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(4001, &[Opener(TABLE)], "FLUTE")];

    #[test]
    fn a_packet_of_an_object_is_no_table() {
        for (at, value) in [(0, 0x20), (15, 1), (16, 0x80), (17, 0x30)] {
            let mut bytes = TABLE.to_vec();
            bytes[at] = value;
            assert!(probe(&Speech::datagram(4001, &bytes)).is_err(), "{at}");
        }
    }
}
