//! Gnutella: the handshake and the pushed upload over TCP (the Gnutella 0.6 draft, sections 2.1 and
//! 2.5), its messages over UDP (section 2.2 and the GUESS proposal), and the datagrams of Gnutella2
//! and of gtk-gnutella's reliable transport, which share one header.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Gnutella"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => stream(Reader::open(speech.bytes))?,
        Transport::Udp => datagram(Reader::whole(speech.bytes))?,
    }
    Ok(Finding::default())
}

fn stream(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"G", "handshake")?;
    match reader.u8("handshake")? {
        b'N' => reader.magic(b"UTELLA", "handshake")?,
        _ => return given(Reader::open(reader.rest())),
    }
    match reader.u8("handshake")? {
        b'/' => reader.magic(b"0.6 ", "version"),
        b' ' => reader.magic(b"CONNECT/0.", "version"),
        _ => Err(Fault::Wrong("handshake")),
    }
}

/// `GIV index:servent/name`, which the uploader says when it was pushed to connect; here behind its
/// first two letters.
fn given(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"V ", "GIV")?;
    let mut index = reader.u8("index")?;
    Reader::require(index.is_ascii_digit(), "index")?;
    while index.is_ascii_digit() {
        index = reader.u8("index")?;
    }
    Reader::require(index == b':', "index")?;
    let servent = reader.take(32, "servent")?;
    Reader::require(servent.iter().all(u8::is_ascii_hexdigit), "servent")?;
    reader.magic(b"/", "name")
}

fn datagram(reader: Reader<'_>) -> Result<(), Fault> {
    match reader.rest() {
        [b'G', b'N', b'D', ..] | [b'G', b'T', b'A', ..] => fragment(reader),
        _ => message(reader),
    }
}

/// Ping, pong, bye, route table, vendor's, push, hash table, query, query hit.
const KINDS: [u8; 10] = [0, 1, 2, 0x30, 0x31, 0x32, 0x40, 0x44, 0x80, 0x81];
const HASH_TABLE: u8 = 0x44;
const MOST_HOPS: u8 = 15;
/// In a GUID, whose bytes are random but two.
const MOST_ZEROS: usize = 4;
/// Of a packet that fits in a few datagrams more than one.
const MOST_PARTS: u8 = 32;

/// A GUID, the kind, time to live and hops, and the length of what follows, to the last byte.
fn message(mut reader: Reader<'_>) -> Result<(), Fault> {
    let identifier = reader.take(16, "GUID")?;
    let kind = reader.u8("kind")?;
    Reader::require(KINDS.contains(&kind), "kind")?;
    let zeros = identifier.iter().filter(|byte| **byte == 0);
    Reader::require(zeros.count() <= MOST_ZEROS, "GUID")?;
    let (lives, hops) = (reader.u8("time to live")?, reader.u8("hops")?);
    // The hash table keeps its version in their place.
    let few = lives <= MOST_HOPS && hops <= MOST_HOPS;
    Reader::require(few && (lives > 0 || hops > 0 || kind == HASH_TABLE), "hops")?;
    let length = usize::try_from(reader.u32_le("length")?).unwrap_or(usize::MAX);
    Reader::require(length == reader.rest().len(), "length")
}

/// Tag, flags, sequence number, and which part of how many; without parts an acknowledgement.
fn fragment(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.take(3, "tag")?;
    // Those of the lower half are critical: deflated, to be acknowledged.
    let flags = reader.u8("flags")?;
    Reader::require(flags & 0x0c == 0, "flags")?;
    reader.u16("sequence number")?;
    let (part, parts) = (reader.u8("part")?, reader.u8("parts")?);
    match (part, parts) {
        (_, 0) => reader.end("acknowledgement"),
        (1.., ..=MOST_PARTS) => Reader::require(part <= parts && !reader.rest().is_empty(), "part"),
        _ => Err(Fault::Wrong("part")),
    }
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
            6346,
            &[
                Opener(b"GNUTELLA CONNECT/0.6\r\nUser-Agent: gtk-gnutella/1.2\r\n\r\n"),
                Responder(b"GNUTELLA/0.6 503 Full\r\nUser-Agent: LimeWire/4.18\r\n\r\n"),
            ],
            "Gnutella",
        ),
        Talk::tcp(
            6346,
            &[Opener(
                b"GIV 36:809BC12168A1852CFF5D7A785833F600/Foo.txt\n\n",
            )],
            "Gnutella",
        ),
        Talk::udp(
            6346,
            &[Opener(
                b"\xbf\x64\x31\x02\x9e\x01\x07\xfb\xff\xcb\x0d\x64\x7b\x53\x8d\0\0\x01\0\
                \x05\0\0\0\xc3\x82QK@",
            )],
            "Gnutella",
        ),
        Talk::udp(
            6346,
            &[
                Opener(b"GND\x12\x3e\x8f\x01\x01T\x0bQKRP\x06RNA]/\xe25\x09p"),
                Responder(b"GND\0\x3e\x8f\x01\0"),
            ],
            "Gnutella",
        ),
    ];

    fn judged(bytes: &[u8]) -> bool {
        datagram(Reader::whole(bytes)).is_ok()
    }

    #[test]
    fn a_message_ends_where_its_length_says_and_is_of_a_known_kind() {
        let mut bytes = [&[7; 16][..], &[0x80, 4, 3, 5, 0, 0, 0, 0, 0, b'a', b'b', 0]].concat();
        assert!(judged(&bytes));
        bytes[16] = 0x82;
        assert!(!judged(&bytes));
        bytes[16] = 0x80;
        bytes.push(0);
        assert!(!judged(&bytes));
        bytes.pop();
        bytes[..5].fill(0);
        assert!(!judged(&bytes));
    }

    #[test]
    fn a_part_is_one_of_its_parts_and_has_no_unknown_critical_flag() {
        assert!(!judged(b"GND\0\0\x01\x03\x02x"));
        assert!(!judged(b"GND\x04\0\x01\x01\x01x"));
        assert!(!judged(b"GTA with text"));
        assert!(!judged(b"GND\0\0\x01\0\x01x"));
        assert!(judged(b"GTA\x01\0\x01\x01\x02x"));
    }

    #[test]
    fn a_request_for_a_file_is_not_the_handshake() {
        let judged = |bytes| stream(Reader::open(bytes));
        assert!(matches!(judged(b"GET / HTTP/1.1"), Err(Fault::Wrong(_))));
        assert!(matches!(judged(b"GIV x:80"), Err(Fault::Wrong(_))));
        assert!(matches!(judged(b"GNUTELLA"), Err(Fault::Short(_))));
    }
}
