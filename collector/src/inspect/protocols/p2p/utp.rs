//! `BitTorrent`'s transport over UDP, uTP (BEP 29). A header has no magic number: alone only the
//! opening one is known, whose remaining fields are zero; of the others it takes two that follow.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BitTorrent"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

struct Header {
    kind: u8,
    connection: u16,
    /// In microseconds.
    sent: u32,
    delay: u32,
    sequence: u16,
    acknowledged: u16,
    alone: bool,
}

const RESET: u8 = 3;
const SYN: u8 = 4;
/// Two datagrams of one window are not further apart.
const MOST_MICROSECONDS: u32 = 60_000_000;
const MOST_DATAGRAMS: u16 = 1024;

fn probe(speech: &Speech<'_>) -> Verdict {
    let header = header(Reader::whole(speech.bytes))?;
    if opening(&header) {
        return Ok(Finding::default());
    }
    let earlier = speech.earlier.datagrams();
    let mut headers = earlier.filter_map(|bytes| self::header(Reader::whole(bytes)).ok());
    Reader::require(headers.any(|before| follows(&before, &header)), "sequence")?;
    Ok(Finding::default())
}

fn header(mut reader: Reader<'_>) -> Result<Header, Fault> {
    let first = reader.u8("type and version")?;
    Reader::require(first & 0xf == 1 && first >> 4 <= SYN, "type and version")?;
    let extension = reader.u8("extension")?;
    let connection = reader.u16("connection")?;
    Reader::require(connection != 0, "connection")?;
    let sent = reader.u32("time")?;
    let delay = reader.u32("delay")?;
    reader.u32("window")?;
    let sequence = reader.u16("sequence number")?;
    let acknowledged = reader.u16("acknowledged number")?;
    extensions(&mut reader, extension)?;
    Ok(Header {
        kind: first >> 4,
        connection,
        sent,
        delay,
        sequence,
        acknowledged,
        alone: reader.at_end(),
    })
}

/// A chain of selective acknowledgements (1) and extension bits (2), each naming the next.
fn extensions(reader: &mut Reader<'_>, first: u8) -> Result<(), Fault> {
    let mut kind = first;
    for _ in 0..4 {
        if kind == 0 {
            return Ok(());
        }
        Reader::require(kind <= 2, "extension")?;
        kind = reader.u8("next extension")?;
        let length = reader.u8("length of extension")?;
        Reader::require(length > 0 && length % 4 == 0, "length of extension")?;
        reader.take(usize::from(length), "extension")?;
    }
    Err(Fault::Wrong("extensions"))
}

/// Nothing was heard from the other side yet: its delay and its sequence number are zero.
fn opening(header: &Header) -> bool {
    header.kind == SYN && header.delay == 0 && header.acknowledged == 0 && header.alone
}

fn follows(before: &Header, now: &Header) -> bool {
    let pause = now.sent.wrapping_sub(before.sent);
    let steps = now.sequence.wrapping_sub(before.sequence);
    before.connection == now.connection
        && (1..MOST_MICROSECONDS).contains(&pause)
        && steps < MOST_DATAGRAMS
        && now.acknowledged.wrapping_sub(before.acknowledged) < MOST_DATAGRAMS
        && before.kind != RESET
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
            50_001,
            &[
                Opener(b"\x41\0\xac\xd2\x10\0\0\0\0\0\0\0\0\x10\0\0\0\x01\0\0"),
                Responder(b"\x21\0\xac\xd2\x90\0\0\0\x05\x06\x07\x08\0\x10\0\0\x12\x34\0\x01"),
            ],
            "BitTorrent",
        ),
        Talk::udp(
            50_001,
            &[
                Opener(b"\x01\0\xac\xd3\x10\0\0\0\x0a\0\x01\0\0\x10\0\0\0\x02\x12\x34data"),
                Opener(
                    b"\x01\x01\xac\xd3\x10\0\x10\0\x0a\0\x02\0\0\x10\0\0\0\x03\x12\x35\
                    \0\x04\x01\0\0\0data",
                ),
            ],
            "BitTorrent",
        ),
    ];

    fn parsed(bytes: &[u8]) -> Header {
        header(Reader::whole(bytes)).ok().unwrap()
    }

    const STATE: &[u8] =
        b"\x21\0\xac\xd2\xf8\x2a\x43\xd2\xba\xf0\xf0\xfc\0\x10\0\0\xd4\x49\x6c\x42";

    fn changed(at: usize, value: u8) -> Vec<u8> {
        let mut bytes = STATE.to_vec();
        bytes[at] = value;
        bytes
    }

    #[test]
    fn the_second_of_two_acknowledgements_is_known() {
        let (before, after) = (parsed(STATE), parsed(&changed(6, 0x50)));
        assert!(follows(&before, &after));
        assert!(!follows(&after, &before));
    }

    #[test]
    fn a_repeated_datagram_or_one_of_another_connection_does_not_follow() {
        assert!(!follows(&parsed(STATE), &parsed(STATE)));
        let mut other = changed(6, 0x50);
        other[3] = 0xd3;
        assert!(!follows(&parsed(STATE), &parsed(&other)));
    }

    #[test]
    fn one_datagram_is_too_little_and_an_extension_has_to_be_known() {
        assert!(probe(&Speech::datagram(6881, STATE)).is_err());
        assert!(header(Reader::whole(&changed(1, 3))).is_err());
        assert!(header(Reader::whole(&changed(1, 1))).is_err());
        assert!(header(Reader::whole(&changed(0, 0x22))).is_err());
    }
}
