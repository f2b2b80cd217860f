//! RakNet: messages outside of a connection bear sixteen fixed bytes (`OFFLINE_MESSAGE_DATA_ID` of
//! its public source; there is no specification). Within one, datagrams are numbered, and their
//! frames fill them to the last byte.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RakNet"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const OFFLINE: &[u8] = b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    match reader.u8("kind")? {
        // Pings of a server that is looked for.
        1 | 2 => reader.u64("time")?,
        // Its answer to them.
        0x1c => {
            reader.u64("time")?;
            reader.u64("server")?
        }
        // Requests to connect, and answers to those.
        5..=8 => 0,
        // Roblox numbers its own requests from here.
        0x78..=0x7e => {
            reader.magic(OFFLINE, "magic")?;
            return Ok(Finding::of(Label::of("Roblox")));
        }
        // Of an incompatible version.
        0x19 => u64::from(reader.u8("version")?),
        0xa0 | 0xc0 => return acknowledged(&mut reader),
        0x80..=0x8f => return frames(&mut reader, speech),
        _ => return Err(Fault::Wrong("kind")),
    };
    if reader.magic(OFFLINE, "magic").is_err() {
        return advertised(speech);
    }
    Ok(Finding::default())
}

/// A server's answer with another product's magic number, and a text behind its length.
fn advertised(speech: &Speech<'_>) -> Verdict {
    const MINECRAFT: u16 = 19_132;
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(&[0x1c], "kind")?;
    reader.take(8 + 8 + OFFLINE.len(), "header")?;
    let mut text = reader.part16("text")?;
    text.take(text.rest().len(), "text")?;
    reader.end("text")?;
    if speech.on_port(MINECRAFT) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

/// Numbers of datagrams that were received or missed, each alone (1) or from one to another.
fn acknowledged(reader: &mut Reader<'_>) -> Verdict {
    let count = reader.u16("count")?;
    Reader::require(count > 0, "count")?;
    for _ in 0..count {
        let alone = reader.u8("kind of number")?;
        Reader::require(alone <= 1, "kind of number")?;
        let first = reader.u24_le("number")?;
        if alone == 0 {
            Reader::require(reader.u24_le("number")? >= first, "number")?;
        }
    }
    reader.end("numbers")?;
    Ok(Finding::likely())
}

/// The frames of a numbered datagram: flags, length in bits, and by their reliability the numbers
/// that order them. Lengths that fit to the last byte are no proof in a single small frame.
fn frames(reader: &mut Reader<'_>, speech: &Speech<'_>) -> Verdict {
    reader.u24_le("number")?;
    let mut frames = 0_u32;
    while !reader.at_end() {
        let flags = reader.u8("flags")?;
        Reader::require(flags & 0x0f == 0, "flags")?;
        let bits = reader.u16("length")?;
        Reader::require(bits > 0 && bits % 8 == 0, "length")?;
        let numbers = match flags >> 5 {
            0 | 5 => 0,
            1 => 3 + 4,
            2 | 6 => 3,
            3 | 7 => 3 + 4,
            _ => 3 + 3 + 4,
        };
        let split = if flags & 0x10 == 0 { 0 } else { 4 + 2 + 4 };
        reader.take(numbers + split, "numbers")?;
        reader.take(usize::from(bits / 8), "frame")?;
        frames += 1;
    }
    Reader::require(frames > 0, "frame")?;
    let again = speech.earlier.datagrams().any(|said| {
        let first = said.first().is_some_and(|kind| kind & 0xf0 == 0x80);
        first && said != speech.bytes
    });
    if again && frames > 1 {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            19_132,
            &[
                Opener(
                    b"\x05\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78\x0b\0\0\0",
                ),
                Responder(
                    b"\x06\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78\
                    \0\x05\x91\xa5\x36\x05\x22\x20\0\x05\xd4",
                ),
            ],
            "RakNet",
        ),
        Talk::udp(
            53_640,
            &[Opener(
                b"\x7b\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78\x05\x22\0\0",
            )],
            "Roblox",
        ),
        Talk::udp(
            60_022,
            &[Opener(
                b"\x84\x02\0\0\0\0\x88\x03\0\0\0\0\0\x15\xe9\x5e\0\0\0\x13\x0c\x20\x15\x46",
            )],
            "RakNet",
        ),
    ];

    #[test]
    fn a_frame_that_does_not_fill_its_datagram_is_not_raknet() {
        let frame = b"\x84\x02\0\0\0\0\x08\x03";
        assert!(probe(&Speech::datagram(60_022, frame)).is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(60_022, &frame[..7])).is_err());
        assert!(probe(&Speech::datagram(60_022, b"\x84\x02\0\0\0\0\x08\x03\x01")).is_err());
    }

    #[test]
    fn acknowledged_numbers_fill_their_datagram() {
        let numbers = b"\xc0\0\x01\0\x01\0\0\x02\0\0";
        assert!(probe(&Speech::datagram(60_022, numbers)).is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(60_022, &numbers[..9])).is_err());
        assert!(probe(&Speech::datagram(60_022, b"\xc0\0\x01\x02\x01\0\0")).is_err());
    }

    #[test]
    fn a_ping_bears_the_fixed_bytes_behind_its_time() {
        assert!(probe(&Speech::datagram(60_022, &[1; 33])).is_err());
    }
}
