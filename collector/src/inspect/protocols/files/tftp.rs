//! TFTP by its requests (RFC 1350, section 5) and the acknowledgement of their options (RFC 2347);
//! where, from another port, the transfer goes on, by a block that the other side acknowledges.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TFTP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACKNOWLEDGEMENT: u16 = 4;
const OPTIONS: u16 = 6;
/// RFC 2348, 2349 and 7440.
const OPTION_NAMES: &[&str] = &["blksize", "timeout", "tsize", "windowsize"];
const MODES: &[&str] = &["netascii", "octet", "mail"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    match reader.u16("opcode")? {
        READ | WRITE => request(&mut reader)?,
        OPTIONS => one_of(&mut reader, OPTION_NAMES, "option")?,
        DATA | ACKNOWLEDGEMENT => transfer(speech)?,
        _ => return Err(Fault::Wrong("opcode")),
    }
    Ok(Finding::default())
}

/// A file and a mode.
fn request(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let name = string(reader, "file name")?;
    Reader::require(!name.is_empty(), "file name")?;
    one_of(reader, MODES, "mode")
}

fn one_of(reader: &mut Reader<'_>, known: &[&str], part: &'static str) -> Result<(), Fault> {
    let text = string(reader, part)?;
    let mut known = known.iter();
    Reader::require(
        known.any(|name| text.eq_ignore_ascii_case(name.as_bytes())),
        part,
    )
}

/// Printable text, without the zero byte that ends it.
fn string<'a>(reader: &mut Reader<'a>, part: &'static str) -> Result<&'a [u8], Fault> {
    let end = reader.rest().iter().take(512).position(|&byte| byte == 0);
    let text = reader.take(end.ok_or(Fault::Wrong(part))?, part)?;
    reader.u8(part)?;
    let printable = text.iter().all(|byte| *byte >= b' ' && *byte != 0x7f);
    Reader::require(printable, part)?;
    Ok(text)
}

/// One side's datagram acknowledges the other's block, or sends the one after what the other
/// acknowledged.
fn transfer(speech: &Speech<'_>) -> Result<(), Fault> {
    let mine = block(speech.bytes).ok_or(Fault::Wrong("block"))?;
    let answered = |theirs: (u16, u16)| match (mine.0, theirs.0) {
        (ACKNOWLEDGEMENT, DATA) => mine.1 == theirs.1,
        (DATA, ACKNOWLEDGEMENT) => mine.1 == theirs.1.wrapping_add(1),
        _ => false,
    };
    if speech.other.datagrams().filter_map(block).any(answered) {
        return Ok(());
    }
    Err(Fault::Short("answer"))
}

/// Opcode and number of a block of data or of an acknowledgement.
fn block(datagram: &[u8]) -> Option<(u16, u16)> {
    let mut reader = Reader::whole(datagram);
    let opcode = reader.u16("opcode").ok()?;
    let number = reader.u16("block").ok()?;
    let sound = opcode == DATA || (opcode == ACKNOWLEDGEMENT && reader.at_end());
    sound.then_some((opcode, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(69, &[Opener(b"\0\x01rfc1350.txt\0octet\0")], "TFTP"),
        Talk::udp(
            44_618,
            &[
                Opener(b"\0\x04\0\0"),
                Responder(b"\0\x03\0\x01\x1f\x8b\x08\0\x9c\xa8"),
            ],
            "TFTP",
        ),
        Talk::udp(
            50_618,
            &[Opener(b"\0\x03\0\x01text"), Responder(b"\0\x04\0\x01")],
            "TFTP",
        ),
        Talk::udp(35_840, &[Opener(b"\0\x06blksize\x001468\0")], "TFTP"),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::datagram(40_000, bytes))
    }

    #[test]
    fn a_request_needs_a_file_and_a_known_mode() {
        assert!(judge(b"\0\x02zz.bin\0netascii\0").is_ok());
        assert!(judge(b"\0\x02zz.bin\0other\0").is_err());
        assert!(judge(b"\0\x01\0octet\0").is_err());
    }

    #[test]
    fn a_block_alone_waits_for_its_answer() {
        assert!(judge(b"\0\x03\0\x01abc").is_err_and(|f| f == Fault::Short("answer")));
        assert!(judge(b"\0\x04\0\x01abc").is_err_and(|f| f == Fault::Wrong("block")));
    }
}
