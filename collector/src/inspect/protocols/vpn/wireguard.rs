//! `WireGuard` (its white paper, section 5.4): four kinds of messages, three of them of one length.
//! Cloudflare's WARP is the same on ports of its own, with a client's id in the reserved bytes.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WireGuard"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 51_820;
/// Cloudflare's own, and those that WARP falls back to.
const WARP: u16 = 2408;
const WARP_PORTS: [u16; 4] = [WARP, 500, 1701, 4500];

struct Message {
    kind: u8,
    /// A client's id over WARP, zero everywhere else.
    reserved: u32,
    /// Of the receiver, where data is carried; of the sender in a handshake.
    index: u32,
    counter: u64,
}

const INITIATION: u8 = 1;
const RESPONSE: u8 = 2;
const COOKIE: u8 = 3;
const DATA: u8 = 4;
/// Of datagrams after the last handshake.
const FEW: u64 = 1 << 40;

fn probe(speech: &Speech<'_>) -> Verdict {
    let message = message(speech.bytes)?;
    if message.reserved != 0 {
        let warp = speech.on_ports(&WARP_PORTS) && message.kind != DATA;
        Reader::require(warp, "reserved bytes")?;
        return Ok(Finding {
            // The others of its ports belong to IPsec and L2TP.
            likely: !speech.on_port(WARP),
            ..Finding::of(Label::of("CloudflareWarp"))
        });
    }
    let known = message.kind != DATA || speech.on_port(PORT);
    if known || earlier(speech).any(|before| follows(&before, &message)) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

fn message(bytes: &[u8]) -> Result<Message, Fault> {
    let mut reader = Reader::whole(bytes);
    let kind = reader.u8("kind")?;
    Reader::require((INITIATION..=DATA).contains(&kind), "kind")?;
    let message = Message {
        kind,
        reserved: reader.u24_le("reserved bytes")?,
        index: reader.u32_le("index")?,
        counter: reader.u64_le("counter")?,
    };
    let length = match kind {
        INITIATION => bytes.len() == 148,
        RESPONSE => bytes.len() == 92,
        COOKIE => bytes.len() == 64,
        // The payload is padded to 16 bytes, and its tag has as many.
        DATA => bytes.len() >= 32 && bytes.len().is_multiple_of(16) && message.counter < FEW,
        _ => false,
    };
    Reader::require(length, "length")?;
    Ok(message)
}

fn earlier(speech: &Speech<'_>) -> impl Iterator<Item = Message> {
    let datagrams = speech.earlier.datagrams();
    datagrams.filter_map(|bytes| message(bytes).ok())
}

/// To the same receiver, with a greater counter.
fn follows(before: &Message, now: &Message) -> bool {
    let data = before.kind == DATA && now.kind == DATA;
    data && before.index == now.index && now.counter > before.counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const FIRST: [u8; 148] = filled([1, 0, 0, 0, 0xd8, 0x37, 0xd0, 0x30]);
    const SECOND: [u8; 92] = filled([2, 0, 0, 0, 6, 0xf4, 0x7d, 0xab]);
    const BY_WARP: [u8; 148] = filled([1, 0x12, 0x34, 0x56, 0xd8, 0x37, 0xd0, 0x30]);

    /// A message that begins with `header`, the rest as if it were random.
    const fn filled<const N: usize>(header: [u8; 8]) -> [u8; N] {
        let mut bytes = [0x5a; N];
        let mut at = 0;
        while at < header.len() {
            bytes[at] = header[at];
            at += 1;
        }
        bytes
    }

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(51_820, &[Opener(&FIRST), Responder(&SECOND)], "WireGuard"),
        Talk::udp(
            5060,
            &[
                Opener(b"\x04\0\0\0\x15vIy\x13\0\0\0\0\0\0\0abcdefghijklmnop"),
                Opener(b"\x04\0\0\0\x15vIy\x15\0\0\0\0\0\0\0ponmlkjihgfedcba"),
            ],
            "WireGuard",
        ),
        Talk::udp(2408, &[Opener(&BY_WARP)], "CloudflareWarp"),
    ];

    #[test]
    fn one_message_of_data_is_certain_on_its_port_alone() {
        let data = b"\x04\0\0\0\x15vIy\x13\0\0\0\0\0\0\0abcdefghijklmnop";
        let likely = |port| probe(&Speech::datagram(port, data)).ok().unwrap().likely;
        assert!(!likely(51_820));
        assert!(likely(40_000));
    }

    #[test]
    fn another_length_or_reserved_bytes_away_from_the_ports_of_warp_are_not_wireguard() {
        assert!(message(&FIRST[..147]).is_err());
        assert!(message(b"\x04\0\0\0\x15vIy\x13\0\0\0\0\0\0\0abcdefghijklmno").is_err());
        assert!(message(b"\x04\0\0\0\x15vIy\x13\0\0\0\0\0\x01\0abcdefghijklmnop").is_err());
        assert!(probe(&Speech::datagram(51_820, &BY_WARP)).is_err());
    }
}
