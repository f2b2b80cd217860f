//! Modbus over TCP (Modbus Messaging on TCP/IP, section 3.1), and Schneider's UMAS in its function
//! 90. Away from its port only a request to read counts, whose length and quantity are bounded.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Modbus"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 502;
const UMAS: u8 = 0x5a;
/// Set in the function of an answer that tells an error.
const ERROR: u8 = 0x80;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.u16("transaction")?;
    Reader::require(reader.u16("protocol")? == 0, "protocol")?;
    let length = reader.u16("length")?;
    Reader::require((2..=260).contains(&length), "length")?;
    reader.u8("unit")?;
    let function = reader.u8("function")?;
    if !speech.on_port(PORT) {
        Reader::require(speech.from_opener && length == 6, "length")?;
        Reader::require((1..=4).contains(&function), "function")?;
        reader.u16("address")?;
        Reader::require((1..=2000).contains(&reader.u16("quantity")?), "quantity")?;
    }
    match function & !ERROR {
        1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 => Ok(Finding::default()),
        UMAS => Ok(Finding::of(Label::of("UMAS"))),
        _ => Err(Fault::Wrong("function")),
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
            502,
            &[
                Opener(b"\0\xd1\0\0\0\x06\x01\x03\0\x01\0\x01"),
                Responder(b"\0\xd1\0\0\0\x05\x01\x03\x02\0\0"),
            ],
            "Modbus",
        ),
        Talk::tcp(
            502,
            &[
                Opener(b"\0\0\0\0\0\x04\0Z\0\x02"),
                Responder(b"\0\0\0\0\0\x05\0Z\0\xfe\x01"),
            ],
            "UMAS",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_port_a_request_to_read_counts() {
        assert!(certain(5020, b"\0\x01\0\0\0\x06\x01\x03\0\x01\0\x01"));
        assert!(!certain(5020, b"\0\x01\0\0\0\x06\x01\x06\0\x01\0\x01"));
        assert!(!certain(5020, b"\0\x01\0\0\0\x06\x01\x03\0\x01\x10\0"));
    }

    #[test]
    fn another_protocol_number_or_function_is_not_modbus() {
        assert!(!certain(502, b"\0\x01\0\x01\0\x06\x01\x03\0\x01\0\x01"));
        assert!(!certain(502, b"\0\x01\0\0\0\x06\x01\x40\0\x01\0\x01"));
    }
}
