//! Cassandra: the native protocol (Apache Cassandra, `native_protocol_v1.spec` to `v5.spec`,
//! section 2 and 4), and what its nodes begin with among themselves.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Cassandra"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 9042;
/// `MessagingService.PROTOCOL_MAGIC`.
const INTERNODE: &[u8] = b"\xca\x55\x2d\xfa";
const RESPONSE: u8 = 0x80;
const STARTUP: u8 = 0x01;
const READY: u8 = 0x02;
const OPTIONS: u8 = 0x05;
const SUPPORTED: u8 = 0x06;
const AUTHENTICATE: u8 = 0x03;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.bytes.first() == INTERNODE.first() {
        reader.magic(INTERNODE, "magic")?;
        return Ok(Finding::default());
    }
    let (version, opcode, length) = header(&mut reader)?;
    let telling = match (version & RESPONSE != 0, opcode, length) {
        (false, STARTUP, 20..=512) => {
            Reader::require(matches!(reader.u16("options")?, 1..=8), "options")?;
            option(&mut reader)?;
            true
        }
        (true, SUPPORTED, 20..=4096) => {
            Reader::require(matches!(reader.u16("options")?, 1..=16), "options")?;
            option(&mut reader)?;
            true
        }
        (true, AUTHENTICATE, 4..=256) => {
            let length = reader.u16("authenticator")?;
            let class = reader.take(usize::from(length), "authenticator")?;
            Reader::require(class.iter().all(u8::is_ascii_graphic), "authenticator")?;
            class.len() > 8
        }
        (false, OPTIONS, 0) | (true, READY, 0) => false,
        _ => return Err(Fault::Wrong("opcode")),
    };
    Ok(Finding::certain_if(telling || speech.on_port(PORT)))
}

/// Version and direction, flags, stream (of one byte up to version 2), opcode, length.
fn header(reader: &mut Reader<'_>) -> Result<(u8, u8, u32), Fault> {
    let version = reader.u8("version")?;
    let number = version & !RESPONSE;
    Reader::require((1..=6).contains(&number), "version")?;
    // Compression, tracing, payload, warnings, beta.
    Reader::require(reader.u8("flags")? <= 0x1f, "flags")?;
    if number <= 2 {
        reader.u8("stream")?;
    } else {
        reader.u16("stream")?;
    }
    Ok((version, reader.u8("opcode")?, reader.u32("length")?))
}

/// A name in capitals, as `CQL_VERSION` and `COMPRESSION`.
fn option(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let length = usize::from(reader.u16("option")?);
    Reader::require((8..=32).contains(&length), "option")?;
    let name = reader.take(length, "option")?;
    let capitals = name.iter().all(|b| *b == b'_' || b.is_ascii_uppercase());
    Reader::require(capitals, "option")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A driver asks for the options and starts; a driver that starts at once; a node.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            9042,
            &[
                Opener(b"\x04\0\0\0\x05\0\0\0\0"),
                Responder(
                    b"\x84\0\0\0\x06\0\0\0\x2c\0\x02\0\x0bCQL_VERSION\0\x01\0\x053.4.5\0\x0bCOMPRESSION\0\0",
                ),
                Opener(b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0"),
            ],
            "Cassandra",
        ),
        Talk::tcp(
            9042,
            &[Opener(b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x0bCQL_VERSION\0\x053.0.0")],
            "Cassandra",
        ),
        Talk::tcp(7000, &[Opener(b"\xca\x55\x2d\xfa\0\x0c\x80\x08")], "Cassandra"),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_bare_header_is_certain_on_the_port_only() {
        assert!(!judge(9042, b"\x04\0\0\0\x05\0\0\0\0").unwrap().likely);
        assert!(judge(40_000, b"\x84\0\0\0\x02\0\0\0\0").unwrap().likely);
    }

    #[test]
    fn an_option_in_other_letters_is_not_cassandra() {
        let judged = judge(9042, b"\x04\0\0\x01\x01\0\0\0\x16\0\x01\0\x08lowercase");
        assert_eq!(judged.unwrap_err(), Fault::Wrong("option"));
        assert!(judge(9042, b"\x07\0\0\x01\x01").is_err());
    }
}
