//! eDonkey and eMule: the packets over TCP between clients and to servers, of the server and of the
//! Kademlia network over UDP (Kulbak and Bickson, "The eMule Protocol Specification", chapter 6;
//! eMule's published opcodes).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("eDonkey"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// eDonkey's own packets, eMule's and its compressed ones, and those of its Kademlia network.
const EDONKEY: u8 = 0xe3;
const EMULE: u8 = 0xc5;
const PACKED: u8 = 0xd4;
const KADEMLIA: u8 = 0xe4;
const LOGIN_OR_HELLO: u8 = 0x01;
const HELLO_ANSWER: u8 = 0x4c;
const SERVER_MESSAGE: u8 = 0x38;

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => stream(Reader::open(speech.bytes))?,
        Transport::Udp => return datagram(speech),
    }
    Ok(Finding::default())
}

/// Both sides of a connection begin with an identification, and a server with text. Whatever else
/// is said is known by two packets in a row.
fn stream(reader: Reader<'_>) -> Result<(), Fault> {
    match greeting(reader) {
        Err(Fault::Wrong(_)) => sequence(reader),
        judged => judged,
    }
}

/// The user's hash, the client's id, its port, and tags; or a server's text.
fn greeting(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(&[EDONKEY], "protocol")?;
    let length = reader.u32_le("length")?;
    Reader::require((2..4096).contains(&length), "length")?;
    match reader.u8("opcode")? {
        LOGIN_OR_HELLO => {
            if reader.rest().first() == Some(&16) {
                reader.u8("length of hash")?;
            }
            identity(&mut reader)
        }
        HELLO_ANSWER => identity(&mut reader),
        SERVER_MESSAGE => server_message(&mut reader, length),
        _ => Err(Fault::Wrong("opcode")),
    }
}

fn sequence(mut reader: Reader<'_>) -> Result<(), Fault> {
    let length = header(&mut reader)?;
    reader.take(length, "packet")?;
    header(&mut reader).map(|_| ())
}

/// The length of the packet behind it, which has an opcode at least.
fn header(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let protocol = reader.u8("protocol")?;
    Reader::require(matches!(protocol, EDONKEY | EMULE | PACKED), "protocol")?;
    let length = reader.u32_le("length")?;
    Reader::require((1..0x1_0000).contains(&length), "length")?;
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

fn identity(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.take(16, "hash")?;
    reader.u32_le("client's id")?;
    reader.u16_le("port")?;
    let tags = reader.u32_le("count of tags")?;
    Reader::require((1..=32).contains(&tags), "count of tags")?;
    // A string (2) or a number (3), or with the top bit the short forms of eMule.
    let kind = reader.u8("kind of tag")?;
    Reader::require(matches!(kind & 0x7f, 1..=0x20), "kind of tag")
}

/// Text behind its length.
fn server_message(reader: &mut Reader<'_>, length: u32) -> Result<(), Fault> {
    let text = reader.u16_le("length of text")?;
    Reader::require(u32::from(text) + 3 == length, "length of text")?;
    let text = reader.take(usize::from(text.min(64)), "text")?;
    Reader::require(!text.contains(&0), "text")
}

/// Few bits are fixed, so it takes two datagrams, of either side.
fn datagram(speech: &Speech<'_>) -> Verdict {
    message(speech.bytes)?;
    let earlier = speech.earlier.datagrams().chain(speech.other.datagrams());
    let known = earlier.filter(|bytes| message(bytes).is_ok()).count();
    Reader::require(known > 0, "second message")?;
    Ok(Finding::default())
}

/// Known by opcode and length.
fn message(bytes: &[u8]) -> Result<(), Fault> {
    let known = match (bytes, bytes.len()) {
        ([KADEMLIA, 0x01 | 0x60, ..], 2) | ([KADEMLIA, 0x61, ..], 4) => true,
        // How many contacts are asked for, the target, the receiver.
        ([KADEMLIA, 0x21, 2 | 4 | 0x0b, ..], 35) => true,
        // The target, the count of contacts, 25 bytes each.
        ([KADEMLIA, 0x29, ..], length) => {
            let contacts = bytes.get(18).copied().map(usize::from);
            contacts.is_some_and(|count| length == 19 + 25 * count)
        }
        // The id, the port, the version, the count of tags.
        ([KADEMLIA, 0x11 | 0x19, ..], 22..) => {
            matches!(bytes.get(20..22), Some([1..=16, 0..=8]))
        }
        // The status of a server, by a challenge.
        ([EDONKEY, 0x96, ..], 6) => true,
        ([EDONKEY, 0x97, ..], 14..=42) => true,
        // A list of servers, sources by hash.
        ([EDONKEY, 0xa0 | 0xa2, ..], 2 | 6) => true,
        ([EDONKEY, 0x9a, ..], length) => length % 16 == 2 && length > 2,
        _ => false,
    };
    Reader::require(known, "message")
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
            4662,
            &[
                Opener(
                    b"\xe3\x38\0\0\0\x01\x10\x12\x34\x56\x78\x9a\x0e\xbc\xde\xf0\x12\x34\x56\x78\
                    \x9a\x6f\xbc\xc0\0\x02\x01\x36\x12\x02\0\0\0\x02\x01\0\x01\x05\0eMule\
                    \x03\x01\0\x11\x3c\0\0\0\0\0\0\0\0\0",
                ),
                Responder(
                    b"\xe3\x37\0\0\0\x4c\x22\x34\x56\x78\x9a\x0e\xbc\xde\xf0\x12\x34\x56\x78\
                    \x9a\x6f\xbc\xc0\0\x02\x02\x36\x12\x02\0\0\0\x02\x01\0\x01\x05\0aMule\
                    \x03\x01\0\x11\x3c\0\0\0\0\0\0\0\0\0",
                ),
            ],
            "eDonkey",
        ),
        Talk::tcp(
            4661,
            &[Responder(
                b"\xe3\x0a\0\0\0\x38\x07\0Welcome\xe3\x09\0\0\0\x40",
            )],
            "eDonkey",
        ),
        Talk::udp(
            4672,
            &[
                Opener(b"\xe4\x21\x0baaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb"),
                Responder(b"\xe4\x29aaaaaaaaaaaaaaaa\x01ccccccccccccccccccccccccc"),
            ],
            "eDonkey",
        ),
        Talk::udp(
            4665,
            &[Opener(b"\xe3\x96\x01\x02\x03\x04"), Opener(b"\xe3\xa2")],
            "eDonkey",
        ),
    ];

    #[test]
    fn one_datagram_is_too_little() {
        assert!(probe(&Speech::datagram(4672, b"\xe4\x60")).is_err());
    }

    #[test]
    fn any_other_packet_counts_where_another_follows() {
        let judged = |bytes: &[u8]| stream(Reader::open(bytes));
        let id = b"\xe3\x05\0\0\0\x40\x01\0\x02\x03";
        assert!(matches!(judged(id), Err(Fault::Short(_))));
        assert_eq!(judged(&[&id[..], b"\xc5\x02\0\0\0"].concat()), Ok(()));
        let empty = [&id[..], b"\xe3\0\0\0\0"].concat();
        assert!(matches!(judged(&empty), Err(Fault::Wrong(_))));
    }

    #[test]
    fn a_length_beyond_reason_is_another_protocol_s() {
        let judged = stream(Reader::open(b"\xe3\0\0\x01\0\x01"));
        assert!(matches!(judged, Err(Fault::Wrong(_))));
    }
}
