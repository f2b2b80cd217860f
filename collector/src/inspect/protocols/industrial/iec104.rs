//! IEC 60870-5-104 (section 5): on its port by the first frame, elsewhere by a frame that starts,
//! stops or tests the transfer, of which every bit is fixed.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IEC60870"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 2404;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\x68", "start")?;
    let length = reader.u8("length")?;
    Reader::require((4..=253).contains(&length), "length")?;
    let [control, second, third, fourth] = reader.u32("control")?.to_be_bytes();
    match control & 0x03 {
        // Start, stop and test, each with its confirmation.
        3 => {
            let one_bit = (control >> 2).is_power_of_two();
            Reader::require(one_bit && [second, third, fourth] == [0; 3], "control")?;
            Reader::require(length == 4, "length")?;
        }
        1 => {
            Reader::require(control == 1 && second == 0 && third & 1 == 0, "control")?;
            Reader::require(length == 4 && speech.on_port(PORT), "port")?;
        }
        _ => {
            Reader::require(third & 1 == 0 && length > 10, "control")?;
            Reader::require(speech.on_port(PORT), "port")?;
            Reader::require((1..=127).contains(&reader.u8("type")?), "type")?;
            reader.u8("number of objects")?;
            let cause = reader.u8("cause")? & 0x3f;
            Reader::require((1..=47).contains(&cause), "cause")?;
        }
    }
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
        Talk::tcp(
            2404,
            &[Opener(b"h\x04\x07\0\0\0"), Responder(b"h\x04\x0b\0\0\0")],
            "IEC60870",
        ),
        Talk::tcp(2404, &[Responder(b"h\x04\x01\0\0B")], "IEC60870"),
        Talk::tcp(
            2404,
            &[Responder(b"h\x0e\0\0\0\0F\x01\x04\0\x01\0\0\0\0\0")],
            "IEC60870",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_port_only_a_frame_of_fixed_bits_counts() {
        assert!(certain(40_000, b"\x68\x04\x43\0\0\0"));
        assert!(!certain(40_000, b"\x68\x04\x01\0\x42\xb8"));
        assert!(!certain(2404, b"\x68\x04\x0f\0\0\0") && !certain(2404, b"\x68\x05\x07\0\0\0"));
    }
}
