//! WhatsApp by the client's greeting: routing information where it has some, then the two letters,
//! a version and the first frame, of Noise or of what came before it. The vendor's security
//! whitepaper names the handshake only; the rule rests on the letters and the frame's beginning.
//! A connection that was taken up in its middle shows encrypted frames only: likely, on the ports.

use std::ops::RangeInclusive;

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WhatsApp"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Where the servers listen.
const PORTS: &[u16] = &[443, 5222];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    match speech.bytes.first() {
        Some(b'E') => routing(&mut reader)?,
        Some(0) => return encrypted(speech),
        _ => greeting(&mut reader)?,
    }
    Ok(Finding::default())
}

/// Both sides together show so many heads of frames: eleven bits of each are fixed.
fn encrypted(speech: &Speech<'_>) -> Verdict {
    const ENOUGH: usize = 4;
    Reader::require(speech.on_ports(PORTS), "port")?;
    if heads(speech.bytes)? + heads(speech.other.bytes)? < ENOUGH {
        return Err(Fault::Short("next frame"));
    }
    Ok(Finding::likely())
}

/// How many heads there are, each right behind the frame before it: a length of three bytes. AES-GCM
/// ends a frame with sixteen.
fn heads(bytes: &[u8]) -> Result<usize, Fault> {
    const LENGTHS: RangeInclusive<u32> = 17..=0x1fff;
    let mut reader = Reader::open(bytes);
    let mut count = 0;
    while let Ok(length) = reader.u24("frame length") {
        Reader::require(LENGTHS.contains(&length), "frame length")?;
        count += 1;
        reader.part(usize::try_from(length).unwrap_or(usize::MAX), "frame")?;
    }
    Ok(count)
}

fn routing(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"ED\0\x01", "routing mark")?;
    let length = reader.u24("routing length")?;
    Reader::require(length <= 1024, "routing length")
}

/// The letters, the version and the head of a frame.
fn greeting(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"WA", "greeting")?;
    Reader::require((1..=9).contains(&reader.u8("version")?), "version")?;
    Reader::require(reader.u8("version")? <= 9, "version")?;
    let length = reader.u24("frame length")?;
    Reader::require((2..=4096).contains(&length), "frame length")?;
    // A message of the client's in Protobuf, or a list of the older protocol.
    let first = reader.u8("frame")?;
    Reader::require(matches!(first, 0x12 | 0xf8), "frame")
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
            5222,
            &[
                Opener(b"ED\0\x01"),
                Opener(b"\0\0\x04\x08\x08\x09\x02WA\x05\x02\0\x01\x0e\x12\x8b\x02\x0a\x20"),
                Responder(b"\0\x01\x5e\x1a\xdb\x02"),
            ],
            "WhatsApp",
        ),
        Talk::tcp(
            443,
            &[Opener(b"WA\x06\x03\0\0\x24\x12\x22\x0a\x20")],
            "WhatsApp",
        ),
        Talk::tcp(
            443,
            &[Opener(
                b"WA\x01\x05\0\0\x17\xf8\x05\x01\xa5\x91\x89\xfc\x0f",
            )],
            "WhatsApp",
        ),
        // In mid-stream.
        Talk::tcp(
            5222,
            &[
                Opener(b"\0\0\x11\x5b\xdb\x0a\x78\x7f\x6b\xb2\x1f\x95\x16\x34\x76\x58\xda\x73\xf1\x14"),
                Opener(b"\0\0\x12\xae\xf8\x97\xc8\xc4\xae\x04\x83\x50\xa3\xde\xc6\x6c\xa3\x04\x22\x63\x17"),
                Responder(b"\0\0\x11\x69\x28\x92\x40\x3b\x86\xbc\x3a\x8f\xa5\x61\x91\xdf\xa8\x12\x4b\xe3"),
                Responder(b"\0\x01\x15\xa6\x51\xaa"),
            ],
            "WhatsApp",
        ),
    ];

    #[test]
    fn other_text_that_begins_alike_is_not_whatsapp() {
        for bytes in [&b"WATER"[..], b"EDIT x\r\n", b"WA\x06\x03\0\0\x24\x13"] {
            assert!(probe(&Speech::stream(5222, bytes, false)).is_err());
        }
    }

    #[test]
    fn three_frames_or_another_port_or_a_gap_between_frames_are_not_enough() {
        let frame = [&b"\0\0\x11"[..], &[7; 17]].concat();
        let judge = |port, bytes: &[u8]| probe(&Speech::stream(port, bytes, false));
        assert!(judge(5222, &frame.repeat(4)).is_ok_and(|finding| finding.likely));
        let few = judge(5222, &frame.repeat(3)).unwrap_err();
        assert_eq!(few, Fault::Short("next frame"));
        let elsewhere = judge(4000, &frame.repeat(4)).unwrap_err();
        assert_eq!(elsewhere, Fault::Wrong("port"));
        let gap = [&frame[..], b"x", &frame.repeat(3)].concat();
        assert_eq!(judge(5222, &gap).unwrap_err(), Fault::Wrong("frame length"));
    }
}
