//! `BitTorrent`: the handshake between peers and their blocks (BEP 3), the distributed hash table
//! (BEP 5), local service discovery (BEP 14) and trackers over UDP (BEP 15). Its transport over UDP
//! is `utp`.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BitTorrent"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => {
            stream(Reader::open(speech.bytes))?;
        }
        Transport::Udp => datagram(Reader::whole(speech.bytes))?,
    }
    Ok(Finding::default())
}

fn stream(mut reader: Reader<'_>) -> Result<(), Fault> {
    match reader.rest().first() {
        Some(0) => block(reader),
        _ => reader.magic(b"\x13BitTorrent protocol", "handshake"),
    }
}

/// In the pieces of a file every request is for this much of one.
const BLOCK: u32 = 0x4000;

/// What a connection that was taken up later goes on with, mostly: a request for a block, or one.
fn block(mut reader: Reader<'_>) -> Result<(), Fault> {
    let request = match reader.u32("length")? {
        13 => true,
        length => {
            Reader::require(length == 9 + BLOCK, "length")?;
            false
        }
    };
    let kind = reader.u8("kind")?;
    Reader::require(kind == if request { 6 } else { 7 }, "kind")?;
    Reader::require(reader.u32("piece")? < 0x10_0000, "piece")?;
    let offset = reader.u32("offset")?;
    let plausible = offset % BLOCK == 0 && offset < 0x0800_0000;
    Reader::require(plausible, "offset")?;
    Reader::require(
        !request || reader.u32("length of block")? == BLOCK,
        "length of block",
    )
}

fn datagram(mut reader: Reader<'_>) -> Result<(), Fault> {
    match reader.rest().first() {
        Some(b'd') => table(reader),
        Some(b'B') => reader.magic(b"BT-SEARCH * HTTP/1.1\r\n", "local discovery"),
        _ => tracker(reader),
    }
}

/// A bencoded dictionary, its keys sorted: behind the address that a node may tell the other (BEP
/// 42) come arguments, results, or an error, the first two with the node's id in front.
fn table(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"d", "dictionary")?;
    if reader.rest().starts_with(b"2:ip") {
        reader.take(4, "address")?;
        address(&mut reader)?;
    }
    let rest = reader.rest();
    let known = [&b"1:ad2:id20:"[..], b"1:rd2:id20:", b"1:eli20"];
    Reader::require(known.iter().any(|key| rest.starts_with(key)), "message")
}

/// Of IPv4 or IPv6, with a port or without.
fn address(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let (prefix, length): (&[u8], usize) = match reader.rest() {
        [b'4', ..] => (b"4:", 4),
        [b'6', ..] => (b"6:", 6),
        [b'1', b'6', ..] => (b"16:", 16),
        _ => (b"18:", 18),
    };
    reader.magic(prefix, "address")?;
    reader.take(length, "address").map(|_| ())
}

/// A request for a connection: the protocol's id, action 0 and a transaction's id.
fn tracker(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(
        b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0",
        "connection request",
    )?;
    reader.u32("transaction").map(|_| ())
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
            6881,
            &[
                Opener(
                    b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05abcdefghijklmnopqrst\
                    -TR4040-0123456789ab",
                ),
                Responder(
                    b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05abcdefghijklmnopqrst\
                    -qB4500-ba9876543210",
                ),
            ],
            "BitTorrent",
        ),
        Talk::tcp(
            51_413,
            &[
                Opener(b"\0\0\0\x0d\x06\0\0\x01\x23\0\x04\0\0\0\0\x40\0"),
                Responder(b"\0\0\x40\x09\x07\0\0\x01\x23\0\x04\0\0data"),
            ],
            "BitTorrent",
        ),
        Talk::udp(
            6881,
            &[
                Opener(b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
                Responder(b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"),
            ],
            "BitTorrent",
        ),
        Talk::udp(
            6969,
            &[
                Opener(b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\x12\x34\x56\x78"),
                Responder(b"\0\0\0\0\x12\x34\x56\x78\x01\x02\x03\x04\x05\x06\x07\x08"),
            ],
            "BitTorrent",
        ),
        Talk::udp(
            6771,
            &[Opener(
                b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\n\
                Infohash: 0123456789ABCDEF0123456789ABCDEF01234567\r\n\r\n\r\n",
            )],
            "BitTorrent",
        ),
    ];

    fn judged(bytes: &[u8]) -> bool {
        datagram(Reader::whole(bytes)).is_ok()
    }

    #[test]
    fn a_block_begins_at_a_multiple_of_its_size() {
        let judged = |bytes| stream(Reader::open(bytes)).is_ok();
        assert!(!judged(b"\0\0\x40\x09\x07\0\0\x01\x23\0\x04\x01\0"));
        assert!(!judged(b"\0\0\x40\x09\x06\0\0\x01\x23\0\x04\0\0"));
        assert!(!judged(b"\0\0\0\x0d\x06\0\0\x01\x23\0\x04\0\0\0\0\x41\0"));
    }

    #[test]
    fn a_node_may_say_which_address_it_sees() {
        assert!(judged(b"d2:ip6:\x7f\0\0\x01\x1a\xe11:rd2:id20:mnopqrst"));
        assert!(!judged(b"d2:ip6:\x7f\0\x01"));
    }

    #[test]
    fn an_error_of_the_table_is_known_and_other_dictionaries_are_not() {
        assert!(judged(b"d1:eli201e13:Generic Errore1:t2:aa1:y1:ee"));
        assert!(!judged(b"d8:announce20:http://example.org/e"));
    }

    #[test]
    fn the_request_for_a_connection_has_its_action_and_its_transaction() {
        assert!(!judged(
            b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\x01\x12\x34\x56\x78"
        ));
        assert!(!judged(b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\x12\x34"));
    }
}
