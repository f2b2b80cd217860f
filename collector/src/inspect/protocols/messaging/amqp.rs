//! AMQP by its protocol header and its frames: 0-9-1 (AMQP 0-9-1, section 2.2.4 and 2.3.5) and 1.0
//! (OASIS AMQP 1.0, part 2, section 2.2 and 2.3).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("AMQP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const METHOD: u8 = 1;
const FRAME_END: u8 = 0xce;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes.first() {
        Some(b'A') => header(Reader::open(speech.bytes))?,
        Some(&METHOD) => method(Reader::open(speech.bytes))?,
        _ => frame(Reader::open(speech.bytes))?,
    }
    Ok(Finding::default())
}

/// `AMQP`, and the protocol's number and version; in 0-9-1 the number is 0, before it 1.
fn header(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"AMQP", "header")?;
    let number = reader.u8("protocol")?;
    let version = reader.u24("version")?;
    let known = matches!(
        (number, version),
        // 0-9-1; 1.0 bare, within TLS, within SASL; 0-8, 0-9 and 0-10.
        (0, 0x00_0901) | (0 | 2 | 3, 0x01_0000) | (1, 0x01_0800..=0x01_0900 | 0x01_000a)
    );
    Reader::require(known, "version")
}

/// A method frame of 0-9-1: it names a class and a method, and has an end of its own.
fn method(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(&[METHOD], "frame type")?;
    reader.u16("channel")?;
    let size = reader.u32("size")?;
    Reader::require((4..=0x1_0000).contains(&size), "size")?;
    let size = usize::try_from(size).map_err(|_| Fault::Wrong("size"))?;
    let mut body = reader.part(size, "arguments")?;
    let class = body.u16("class")?;
    // Connection, channel, access, exchange, queue, basic, confirm, transaction.
    Reader::require(
        matches!(class, 10 | 20 | 30 | 40 | 50 | 60 | 85 | 90),
        "class",
    )?;
    let method = body.u16("method")?;
    Reader::require((10..=120).contains(&method), "method")?;
    body.take(size - 4, "arguments")?;
    let end = reader.u8("frame end")?;
    Reader::require(end == FRAME_END, "frame end")
}

/// A frame of 1.0: its header of two words and a described performative.
fn frame(mut reader: Reader<'_>) -> Result<(), Fault> {
    let size = reader.u32("size")?;
    Reader::require((12..=0x1_0000).contains(&size), "size")?;
    let offset = reader.u8("data offset")?;
    let kind = reader.u8("frame type")?;
    Reader::require(offset == 2 && kind <= 1, "frame header")?;
    reader.u16("channel")?;
    reader.magic(b"\0\x53", "descriptor")?;
    let performative = reader.u8("performative")?;
    let known = match kind {
        0 => (0x10..=0x18).contains(&performative),
        _ => (0x40..=0x44).contains(&performative),
    };
    Reader::require(known, "performative")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A broker of 0-9-1, one of 1.0 with SASL, and the latter's frame alone.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            5672,
            &[
                Opener(b"AMQP\0\0\x09\x01"),
                Responder(
                    b"\x01\0\0\0\0\0\x18\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\0\xce",
                ),
            ],
            "AMQP",
        ),
        Talk::tcp(
            5672,
            &[
                Opener(b"AMQP\x03\x01\0\0"),
                Responder(b"AMQP\x03\x01\0\0\0\0\0\x1a\x02\x01\0\0\0\x53\x40\xc0\x0d\x01"),
            ],
            "AMQP",
        ),
        Talk::tcp(
            5672,
            &[Responder(
                b"\0\0\0\x1a\x02\x01\0\0\0\x53\x40\xc0\x0d\x01\xe0\x0a\x01\xa3\x05PLAIN\0",
            )],
            "AMQP",
        ),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(5672, bytes, false))
    }

    #[test]
    fn a_frame_without_its_end_is_not_yet_amqp_and_one_with_another_end_never() {
        let ack = b"\x01\0\x01\0\0\0\x0d\0\x3c\0\x50\0\0\0\0\0\0\0\x01\0\xce";
        assert!(judge(ack).is_ok());
        assert!(matches!(judge(&ack[..20]), Err(Fault::Short(_))));
        let mut other = *ack;
        other[20] = 0xcd;
        assert_eq!(judge(&other).unwrap_err(), Fault::Wrong("frame end"));
    }

    #[test]
    fn an_unknown_version_or_class_is_not_amqp() {
        assert!(judge(b"AMQP\0\x09\x09\x09").is_err());
        let class = judge(b"\x01\0\x01\0\0\0\x0d\0\x3d\0\x50").unwrap_err();
        assert_eq!(class, Fault::Wrong("class"));
    }
}
