//! NAT-PMP (RFC 6886, section 3) and its successor PCP (RFC 6887, section 7), on their ports: their
//! messages are too short to be known elsewhere.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NAT-PMP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [5350, 5351];
/// The responder's bit in the operation.
const ANSWER: u8 = 0x80;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let version = reader.u8("version")?;
    let operation = reader.u8("operation")?;
    let length = speech.bytes.len();
    if (version, operation) == (0, 0) {
        reader.end("message")?;
        return Ok(Finding::default());
    }
    // Reserved and 0 in a request, in an answer at most the last of the results.
    let result = reader.u16("result")?;
    let worded = (24..=1100).contains(&length) && length.is_multiple_of(4);
    let fits = match (version, operation & !ANSWER, operation & ANSWER) {
        (0, 1 | 2, 0) => length == 12 && result == 0,
        (0, 0, ANSWER) => length == 12 && result <= 5,
        (0, 1 | 2, ANSWER) => length == 16 && result <= 5,
        (0, _, ANSWER) => length == 8 && (1..=5).contains(&result),
        (1 | 2, 0..=3, 0) => worded && result == 0,
        (1 | 2, 0..=3, _) => worded && result <= 13,
        _ => false,
    };
    Reader::require(fits, "message")?;
    Ok(Finding::default())
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
            5351,
            &[
                Opener(b"\0\0"),
                Responder(b"\0\x80\0\0\0\0\0!\xc0\0\x02\x01"),
            ],
            "NAT-PMP",
        ),
        Talk::udp(
            5351,
            &[Opener(b"\0\x01\0\0\0P\x1f\x90\0\0\x0e\x10")],
            "NAT-PMP",
        ),
        Talk::udp(
            5351,
            &[Opener(
                b"\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01",
            )],
            "NAT-PMP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_length_is_not_nat_pmp() {
        assert!(!certain(5_353, b"\0\0"));
        let mut ask = *b"\0\x01\0\0\0P\x1f\x90\0\0\x0e\x10";
        assert!(certain(5_351, &ask));
        ask[3] = 1;
        assert!(!certain(5_351, &ask));
        assert!(
            !certain(5_351, b"\0\0\0") && !certain(5_351, b"\0\x01") && !certain(5_351, b"\x03\0")
        );
    }
}
