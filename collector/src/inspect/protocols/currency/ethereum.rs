//! Ethereum's node discovery (devp2p, "Node Discovery Protocol v4"): a hash, a signature, the kind
//! of packet, and its data as one RLP list. The streams between nodes are encrypted from their
//! first byte behind a length (RLPx, EIP-8), so there only the lengths speak.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Ethereum"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// The usual one, and those beside it that further nodes of a host have.
const PORTS: [u16; 6] = [30_300, 30_301, 30_302, 30_303, 30_304, 30_305];

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => {
            packet(Reader::whole(speech.bytes))?;
            Ok(Finding::default())
        }
        Transport::Tcp => {
            Reader::require(speech.on_ports(&PORTS), "port")?;
            handshake(Reader::open(speech.bytes))
        }
    }
}

fn packet(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.take(32 + 64, "hash and signature")?;
    Reader::require(reader.u8("recovery id")? <= 1, "recovery id")?;
    let kind = reader.u8("kind")?;
    let mut list = list(&mut reader)?;
    reader.end("packet")?;
    match kind {
        // The version, then the sender's address and the receiver's.
        1 => {
            Reader::require(matches!(list.u8("version")?, 3..=5), "version")?;
            self::list(&mut list)?;
            self::list(&mut list).map(|_| ())
        }
        // The receiver's address and the ping's hash; nodes.
        2 | 4 => self::list(&mut list).map(|_| ()),
        // A key of 64 bytes; the time until which it counts; the request's hash.
        3 => list.magic(b"\xb8\x40", "target"),
        5 => list.magic(b"\x84", "expiration"),
        6 => list.magic(b"\xa0", "request's hash"),
        _ => Err(Fault::Wrong("kind")),
    }
}

/// What an RLP list holds: its length stands in the first byte, or in one or two behind it.
fn list<'a>(reader: &mut Reader<'a>) -> Result<Reader<'a>, Fault> {
    let length = match reader.u8("list")? {
        short @ 0xc0..=0xf7 => usize::from(short - 0xc0),
        0xf8 => usize::from(reader.u8("length of list")?),
        0xf9 => usize::from(reader.u16("length of list")?),
        _ => return Err(Fault::Wrong("list")),
    };
    reader.take(length, "list").map(Reader::whole)
}

/// Of an encrypted authentication, with some padding.
const LENGTHS: std::ops::Range<u16> = 180..700;

/// Nothing but this message is sent before the other side's.
fn handshake(mut reader: Reader<'_>) -> Verdict {
    let length = reader.u16("length")?;
    Reader::require(LENGTHS.contains(&length), "length")?;
    // An uncompressed key.
    reader.magic(b"\x04", "key")?;
    let rest = reader.rest().len() + 1;
    if rest < usize::from(length) {
        return Err(Fault::Short("authentication"));
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

    const PING: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345\
        abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345\x01\x01\
        \xdc\x04\xcb\x84\x7f\0\0\x01\x82\x76\x5f\x82\x76\x5f\xc9\x84\x7f\0\0\x02\x82\x76\x5f\x80\
        \x84\x5f\0\0\0";

    const PONG: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345\
        abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345\0\x02\
        \xf0\xc9\x84\x7f\0\0\x02\x82\x76\x5f\x80\xa0abcdefghijklmnopqrstuvwxyz012345\
        \x84\x5f\0\0\0";

    const AUTHENTICATION: [u8; 310] = {
        let mut bytes = [0x5a; 310];
        (bytes[0], bytes[1], bytes[2]) = (1, 0x34, 4);
        bytes
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(30_303, &[Opener(PING), Responder(PONG)], "Ethereum"),
        Talk::tcp(30_303, &[Opener(&AUTHENTICATION)], "Ethereum"),
    ];

    fn judged(bytes: &[u8]) -> bool {
        packet(Reader::whole(bytes)).is_ok()
    }

    #[test]
    fn a_packet_ends_with_its_list_and_its_kind_is_known() {
        assert!(judged(PING));
        assert!(!judged(&[PING, b"x"].concat()));
        let mut bytes = PING.to_vec();
        bytes[97] = 7;
        assert!(!judged(&bytes));
        bytes[97] = 3;
        assert!(!judged(&bytes));
    }

    #[test]
    fn an_encrypted_authentication_is_no_more_than_likely_and_only_on_its_port() {
        let likely = probe(&Speech::stream(30_303, &AUTHENTICATION, false));
        assert!(likely.ok().unwrap().likely);
        assert!(probe(&Speech::stream(40_000, &AUTHENTICATION, false)).is_err());
    }
}
