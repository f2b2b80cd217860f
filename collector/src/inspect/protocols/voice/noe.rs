//! NOE, Alcatel-Lucent's telephones. The vendor publishes no description; the rule rests on the list
//! of parameters with which a connection is asked for. What is said later is too short to tell away
//! from the telephones' ports.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NOE"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of telephones, the usual settings.
const PORTS: [u16; 2] = [32_000, 32_512];

fn probe(speech: &Speech<'_>) -> Verdict {
    if connect(speech.bytes).is_ok() {
        return Ok(Finding::default());
    }
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let kind = later(speech.bytes)?;
    // Each kind is answered by the next, data by data.
    let answers = |other: &[u8]| later(other).is_ok_and(|other| pair(kind) == pair(other));
    if speech.other.datagrams().any(answers) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("answer"))
}

/// Version, window, size of datagrams and so on: type, length, value, in the order of their types.
fn connect(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(&[0], "connect")?;
    let mut count = 0;
    while !reader.at_end() {
        let kind = reader.u8("parameter")?;
        Reader::require(kind <= 8 && kind >= count, "parameter")?;
        let length = reader.u8("parameter length")?;
        Reader::require(matches!(length, 1 | 2 | 4), "parameter length")?;
        reader.take(usize::from(length), "parameter value")?;
        count += 1;
    }
    Reader::require(count >= 3, "parameters")
}

const KEEPALIVE: u8 = 4;
const KEEPALIVE_ACK: u8 = 5;
const DATA: u8 = 7;

/// The kind of a message without parameters, or of one with its two running numbers.
fn later(bytes: &[u8]) -> Result<u8, Fault> {
    let mut reader = Reader::whole(bytes);
    let kind = reader.u8("opcode")?;
    match kind {
        KEEPALIVE | KEEPALIVE_ACK => reader.end("end")?,
        DATA => {
            reader.u32("sequence numbers")?;
        }
        _ => return Err(Fault::Wrong("opcode")),
    }
    Ok(kind)
}

fn pair(kind: u8) -> u8 {
    if kind == KEEPALIVE_ACK {
        KEEPALIVE
    } else {
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const CONNECT: &[u8] = b"\0\0\x01\x02\x01\x01\x20\x02\x02\x05\xdc\x03\x01\x03\x05\x01\x0a";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(40_001, &[Opener(CONNECT)], "NOE"),
        Talk::udp(32_512, &[Opener(b"\x04"), Responder(b"\x05")], "NOE"),
    ];

    #[test]
    fn a_short_message_counts_on_the_ports_and_with_its_answer() {
        assert!(probe(&Speech::datagram(32_512, b"\x04")).is_err());
        assert!(probe(&Speech::datagram(32_512, b"\x06")).is_err());
        assert!(probe(&Speech::datagram(40_001, b"\x04")).is_err());
    }

    #[test]
    fn parameters_fill_the_request_in_order() {
        assert!(connect(&CONNECT[..16]).is_err());
        assert!(connect(b"\0\x01\x01\x02\0\x01\x20\x02\x02\x05\xdc").is_err());
        assert!(connect(&[0; 17]).is_err());
    }
}
