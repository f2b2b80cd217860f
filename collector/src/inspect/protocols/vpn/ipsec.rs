//! IPsec by its key exchange (IKEv1, RFC 2408; IKEv2, RFC 7296), and by ESP in UDP (RFC 3948) and
//! in TCP (RFC 8229). Cisco's VPN has ESP in UDP on another port, and in TCP a key exchange with
//! the header of UDP before it.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IPSec"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const EXCHANGE: u16 = 500;
const TRAVERSAL: u16 = 4500;
const CISCO: u16 = 10_000;

fn probe(speech: &Speech<'_>) -> Verdict {
    if speech.transport == Transport::Tcp {
        return stream(Reader::open(speech.bytes));
    }
    match speech.bytes {
        [0xff] if speech.on_port(TRAVERSAL) => Ok(Finding::likely()),
        // No security association has an index of zero: a key exchange follows.
        [0, 0, 0, 0, message @ ..] => exchange(speech, message),
        message => exchange(speech, message).or_else(|_| carried(speech)),
    }
}

/// The prefix of the standard, or Cisco's way: each message with its header of UDP.
fn stream(mut reader: Reader<'_>) -> Verdict {
    if reader.rest().first() != Some(&1) {
        reader.magic(b"IKETCP", "stream prefix")?;
        return Ok(Finding::default());
    }
    reader.magic(b"\x01\xf4\x01\xf4", "ports")?;
    let length = usize::from(reader.u16("length")?);
    reader.u16("check sum")?;
    Reader::require(header(&mut reader)?.saturating_add(8) == length, "length")?;
    Ok(Finding::of(Label::of("CiscoVPN")))
}

/// A datagram that was cut in fragments is longer than what is here.
fn exchange(speech: &Speech<'_>, message: &[u8]) -> Verdict {
    let length = header(&mut Reader::whole(message))?;
    let cut = speech.on_ports(&[EXCHANGE, TRAVERSAL]) && (message.len()..65_536).contains(&length);
    Reader::require(length == message.len() || cut, "length")?;
    Ok(Finding::default())
}

/// Of a key exchange; it gives the length of the message.
fn header(reader: &mut Reader<'_>) -> Result<usize, Fault> {
    let initiator = reader.u64("initiator's index")?;
    reader.u64("responder's index")?;
    let next = reader.u8("next payload")?;
    let version = reader.u8("version")?;
    let kind = reader.u8("exchange")?;
    let flags = reader.u8("flags")?;
    let known = match version {
        0x10 => next <= 20 || next == 130, // NAT discovery of the drafts
        0x20 => next == 0 || (33..=54).contains(&next),
        _ => false,
    };
    Reader::require(known && initiator != 0, "payload")?;
    let exchanges = match version {
        0x10 => matches!(kind, 1..=6 | 32 | 33) && flags & !0x07 == 0,
        _ => matches!(kind, 34..=44) && flags & !0x38 == 0,
    };
    Reader::require(exchanges, "exchange")?;
    reader.u32("message number")?;
    Ok(usize::try_from(reader.u32("length")?).unwrap_or(usize::MAX))
}

/// ESP has an index and a sequence number, and no more that could be read.
fn carried(speech: &Speech<'_>) -> Verdict {
    let label = match speech {
        _ if speech.on_port(TRAVERSAL) => Label::of("IPSec"),
        _ if speech.on_port(CISCO) => Label::of("CiscoVPN"),
        _ => return Err(Fault::Wrong("port")),
    };
    let now = association(speech.bytes)?;
    let mut earlier = speech.earlier.datagrams();
    let follows = |bytes| association(bytes).is_ok_and(|before| follows(before, now));
    Reader::require(earlier.any(follows), "sequence number")?;
    Ok(Finding::of(label))
}

/// Index and sequence number.
fn association(bytes: &[u8]) -> Result<(u32, u32), Fault> {
    let mut reader = Reader::whole(bytes);
    let index = reader.u32("index")?;
    let sequence = reader.u32("sequence number")?;
    Reader::require(index > 255 && sequence > 0, "index")?;
    reader.take(16, "payload")?;
    Ok((index, sequence))
}

fn follows(before: (u32, u32), now: (u32, u32)) -> bool {
    before.0 == now.0 && (1..256).contains(&now.1.wrapping_sub(before.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// IKE_SA_INIT, refused for its group.
    const INIT: &[u8] = b"\xb6N\xf3!1\xa4\x89R\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\0\x20\
        \0\0\0\x04";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            500,
            &[
                Opener(INIT),
                Responder(
                    b"\xb6N\xf3!1\xa4\x89R\0\0\0\0\0\0\0\0\x29\x20\x22\x20\0\0\0\0\0\0\0\x26\
                    \0\0\0\x0a\0\0\0\x11\0\x0e",
                ),
            ],
            "IPSec",
        ),
        Talk::udp(
            4500,
            &[
                Opener(b"\xc1\x02\x03\x04\0\0\0\x01abcdefghijklmnopqrst"),
                Opener(b"\xc1\x02\x03\x04\0\0\0\x02abcdefghijklmnopqrst"),
            ],
            "IPSec",
        ),
        Talk::udp(
            10_000,
            &[
                Opener(b"\xc1\x02\x03\x04\0\0\0\x01abcdefghijklmnopqrst"),
                Opener(b"\xc1\x02\x03\x04\0\0\0\x02abcdefghijklmnopqrst"),
            ],
            "CiscoVPN",
        ),
        Talk::tcp(4500, &[Opener(b"IKETCP\0\x20\0\0\0\0")], "IPSec"),
        Talk::tcp(
            10_000,
            &[Opener(
                b"\x01\xf4\x01\xf4\0\x28\0\0\xb6N\xf3!1\xa4\x89R\0\0\0\0\0\0\0\0\x01\x10\x04\0\
                \0\0\0\0\0\0\0\x20\0\0\0\x04",
            )],
            "CiscoVPN",
        ),
    ];

    fn changed(at: usize, value: u8) -> Vec<u8> {
        let mut bytes = INIT.to_vec();
        bytes[at] = value;
        bytes
    }

    #[test]
    fn a_key_exchange_is_known_on_any_port_with_the_marker_and_without() {
        let judged = |bytes: &[u8]| probe(&Speech::datagram(40_000, bytes)).is_ok();
        assert!(judged(INIT));
        assert!(judged(&[&[0; 4], INIT].concat()));
        assert!(!judged(&[INIT, b"x"].concat()));
    }

    #[test]
    fn a_header_of_another_version_exchange_or_payload_is_not_a_key_exchange() {
        for (at, value) in [(17, 0x30), (18, 1), (16, 1), (19, 0x80), (27, 0x10)] {
            let bytes = changed(at, value);
            assert!(probe(&Speech::datagram(500, &bytes)).is_err(), "{at}");
        }
    }

    #[test]
    fn the_two_lengths_over_tcp_agree() {
        let message = |length: u8| {
            let udp = [1, 0xf4, 1, 0xf4, 0, length, 0, 0];
            stream(Reader::open(&[&udp[..], INIT].concat())).is_ok()
        };
        assert!(message(40));
        assert!(!message(41));
    }

    #[test]
    fn what_esp_carries_is_known_on_its_ports_alone_and_not_by_one_datagram() {
        let esp = b"\xc1\x02\x03\x04\0\0\0\x01abcdefghijklmnopqrst";
        assert!(probe(&Speech::datagram(4500, esp)).is_err());
        assert!(probe(&Speech::datagram(40_000, esp)).is_err());
        let alive = probe(&Speech::datagram(4500, b"\xff")).ok().unwrap();
        assert!(alive.likely);
    }
}
