//! MongoDB (MongoDB Wire Protocol, "Standard Message Header" and "Opcodes"): length, identifiers,
//! opcode, and what the opcode's message begins with. Integers begin with the least significant
//! byte.

use crate::inspect::{
    Label,
    protocols::text,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MongoDB"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 27_017;
const REPLY: u32 = 1;
const QUERY: u32 = 2004;
const COMPRESSED: u32 = 2012;
const MESSAGE: u32 = 2013;
/// 48 MB, the servers' limit.
const LARGEST: u32 = 48_000_000;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let length = reader.u32_le("length")?;
    Reader::require((21..=LARGEST).contains(&length), "length")?;
    reader.u64("identifiers")?;
    let opcode = reader.u32_le("opcode")?;
    let telling = match opcode {
        MESSAGE => message(&mut reader).map(|()| true),
        QUERY => query(&mut reader).map(|()| true),
        COMPRESSED => compressed(&mut reader).map(|()| true),
        REPLY => reply(&mut reader, length),
        // Update, insert, get more, delete, kill cursors: the first word is reserved but once.
        2001 | 2002 | 2005..=2007 => Ok(false),
        _ => Err(Fault::Wrong("opcode")),
    }?;
    Ok(Finding::certain_if(telling || speech.on_port(PORT)))
}

/// Flags, and the kind of the first section.
fn message(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let flags = reader.u32_le("flags")?;
    // Checksum, more to come; the upper half is optional.
    Reader::require(flags & 0xfffc == 0, "flags")?;
    Reader::require(reader.u8("section")? <= 1, "section")
}

/// Flags, and the name of the collection: database, dot, collection.
fn query(reader: &mut Reader<'_>) -> Result<(), Fault> {
    Reader::require(reader.u32_le("flags")? <= 0xff, "flags")?;
    let fits = |byte: u8| !byte.is_ascii_control();
    text::before(reader, b'.', 128, "collection", fits).map(|_| ())
}

/// The message's own opcode, its size, and how it is compressed.
fn compressed(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let original = reader.u32_le("original opcode")?;
    Reader::require(matches!(original, 1 | 2001..=2013), "original opcode")?;
    reader.u32("size")?;
    Reader::require(reader.u8("compressor")? <= 3, "compressor")
}

/// Flags, cursor, and how many documents follow, each with its length: one fills the message.
fn reply(reader: &mut Reader<'_>, length: u32) -> Result<bool, Fault> {
    /// Of the header and of what comes before the documents.
    const BEFORE: u32 = 36;
    Reader::require(reader.u32_le("flags")? <= 0xf, "flags")?;
    reader.u64("cursor")?;
    reader.u32("first document")?;
    if reader.u32_le("count of documents")? != 1 {
        return Ok(false);
    }
    let document = reader.u32_le("document")?;
    Reader::require(document.checked_add(BEFORE) == Some(length), "document")?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A query and its reply, as drivers begin; a message.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            27_017,
            &[
                Opener(
                    b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xd4\x07\0\0\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff\
                    \x13\0\0\0\x10isMaster\0\x01\0\0\0\0",
                ),
                Responder(
                    b"\x35\0\0\0\x07\0\0\0\x01\0\0\0\x01\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\
                    \x11\0\0\0\x01ok\0\0\0\0\0\0\0\xf0\x3f\0",
                ),
                Opener(b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x10\0\0\0\x10ping\0\x01\0\0\0\0"),
            ],
            "MongoDB",
        ),
        Talk::tcp(
            27_017,
            &[Opener(b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x10\0\0\0\x10ping\0\x01\0\0\0\0")],
            "MongoDB",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn an_unknown_opcode_or_section_is_not_mongodb() {
        for (bytes, part) in [
            (&b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xde\x07\0\0"[..], "opcode"),
            (
                b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xdd\x07\0\0\x04\0\0\0",
                "flags",
            ),
            (
                b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\x09",
                "section",
            ),
        ] {
            assert_eq!(judge(27_017, bytes).unwrap_err(), Fault::Wrong(part));
        }
    }

    #[test]
    fn an_old_insert_is_certain_on_the_port_only() {
        let insert = b"\x25\0\0\0\x02\0\0\0\0\0\0\0\xd2\x07\0\0\0\0\0\0";
        assert!(!judge(27_017, insert).unwrap().likely);
        assert!(judge(40_000, insert).unwrap().likely);
    }
}
