//! Telegram's MTProto over TCP ("MTProto transports" of its documentation): the marks of the
//! intermediate and the padded transport; the abridged and the full one by a first message that is
//! not encrypted, which has zeros in the place of a key's number; the abridged one, as likely, by
//! its frames; and the obfuscated form of all of them, as [`obfuscated`] opens it.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

mod obfuscated;

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Telegram"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const ABRIDGED: u8 = 0xef;
const INTERMEDIATE: u32 = 0xeeee_eeee;
const PADDED: u32 = 0xdddd_dddd;
/// Where Telegram's servers listen.
const PORTS: &[u16] = &[80, 443, 5222];
const LONGEST: u32 = 1 << 20;
/// Number of the key, number of the message, length.
const PLAIN_HEADER: u32 = 20;

fn probe(speech: &Speech<'_>) -> Verdict {
    if !speech.from_opener {
        return answer(speech);
    }
    if speech.bytes.first() == Some(&ABRIDGED) {
        return abridged(speech);
    }
    match marked(speech.bytes) {
        Err(Fault::Wrong(_)) if speech.on_ports(PORTS) => obfuscated::mark(speech.bytes)?,
        judged => judged?,
    }
    Ok(Finding::default())
}

fn marked(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::open(bytes);
    let first = reader.u32_le("mark")?;
    match first {
        INTERMEDIATE | PADDED => {
            let length = reader.u32_le("length")?;
            let whole = first == PADDED || length.is_multiple_of(4);
            Reader::require(whole && (PLAIN_HEADER..LONGEST).contains(&length), "length")?;
        }
        _ => {
            let framed = (PLAIN_HEADER + 12..LONGEST).contains(&first) && first.is_multiple_of(4);
            Reader::require(framed, "length")?;
            Reader::require(reader.u32_le("sequence number")? == 0, "sequence number")?;
            plain(&mut reader, first - 12)?;
        }
    }
    Ok(())
}

/// A message of `length` bytes that is not encrypted.
fn plain(reader: &mut Reader<'_>, length: u32) -> Result<(), Fault> {
    Reader::require(reader.u64_le("key")? == 0, "key")?;
    let number = reader.u64_le("message number")?;
    // A client's numbers are the time in seconds, times 2^32, and divide by four.
    Reader::require(number.is_multiple_of(4) && number != 0, "message number")?;
    let rest = length.checked_sub(PLAIN_HEADER);
    Reader::require(
        Some(reader.u32_le("message length")?) == rest,
        "message length",
    )
}

fn abridged(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.u8("mark")?;
    let mut message = reader;
    let length = frame_length(&mut message)?;
    match plain(&mut message, length) {
        Ok(()) => return Ok(Finding::default()),
        Err(Fault::Wrong(_)) => {}
        Err(short) => return Err(short),
    }
    Reader::require(speech.on_ports(PORTS), "port")?;
    encrypted(&mut reader)?;
    encrypted(&mut Reader::open(speech.other.bytes))?;
    Ok(Finding::likely())
}

/// The server's frames prove nothing, but are wanted with the client's.
fn answer(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(PORTS), "port")?;
    encrypted(&mut Reader::open(speech.bytes))?;
    Err(Fault::Short("client's mark"))
}

/// A frame with an encrypted message: 24 bytes and blocks of sixteen.
fn encrypted(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let length = frame_length(reader)?;
    Reader::require(length % 16 == 8 && length >= 40, "frame length")?;
    reader.part(usize::try_from(length).unwrap_or(usize::MAX), "frame")?;
    Ok(())
}

/// Counted in words, in one byte or in three behind a mark.
fn frame_length(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let words = match reader.u8("frame length")? {
        short @ 1..=0x7e => u32::from(short),
        0x7f => reader.u24_le("frame length")?,
        _ => return Err(Fault::Wrong("frame length")),
    };
    Reader::require(words < LONGEST / 4, "frame length")?;
    Ok(words * 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// `req_pq_multi` as the first message.
    const ABRIDGED_PLAIN: &[u8] = b"\xef\x0a\0\0\0\0\0\0\0\0\x48\x4d\x01\x02\x03\x04\xa5\x66\
        \x14\0\0\0\xf1\x8e\x7e\xbe\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
    const KEYED: &[u8] = b"\xef\x0e\x11\x22\x33\x44\x55\x66\x77\x88\x10\x11\x12\x13\x14\x15";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(443, &[Opener(obfuscated::tests::FIRST_BYTES)], "Telegram"),
        Talk::tcp(443, &[Opener(ABRIDGED_PLAIN)], "Telegram"),
        Talk::tcp(
            443,
            &[Opener(b"\xee\xee\xee\xee\x28\0\0\0\0\0\0\0")],
            "Telegram",
        ),
        Talk::tcp(
            5222,
            &[Opener(
                b"\x34\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x48\x4d\x01\x02\x03\x04\xa5\x66\x14\0\0\0",
            )],
            "Telegram",
        ),
        Talk::tcp(
            443,
            &[
                Opener(KEYED),
                Responder(b"\x16\x11\x22\x33\x44\x55\x66\x77\x88"),
            ],
            "Telegram",
        ),
    ];

    #[test]
    fn frames_with_a_key_are_likely_on_the_ports_only() {
        assert!(
            probe(&Speech::stream(443, KEYED, false)).is_err_and(|f| matches!(f, Fault::Short(_)))
        );
        assert!(
            probe(&Speech::stream(4000, KEYED, false)).is_err_and(|f| f == Fault::Wrong("port"))
        );
    }

    #[test]
    fn a_frame_of_another_size_is_not_telegram() {
        let bytes = b"\xef\x0f\x11\x22\x33\x44\x55\x66\x77\x88\x10\x11\x12\x13\x14\x15";
        assert!(
            probe(&Speech::stream(443, bytes, false)).is_err_and(|f| matches!(f, Fault::Wrong(_)))
        );
    }
}
