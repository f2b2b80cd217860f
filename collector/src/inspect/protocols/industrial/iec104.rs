//! IEC 60870-5-104 (section 5): by a frame that starts, stops or tests the transfer, of which every
//! bit is fixed; on its port by any frame, with certainty where data are followed by another frame.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
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
const START: u8 = 0x68;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(&[START], "start")?;
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
            let data = reader.part(usize::from(length) - 4, "data")?;
            data_unit(data)?;
            let followed = reader.rest().first() == Some(&START);
            return Ok(Finding::certain_if(followed));
        }
    }
    Ok(Finding::default())
}

/// The type of the objects, how many there are, why they are sent (IEC 60870-5-101, section 7.2).
fn data_unit(mut data: Reader<'_>) -> Result<(), Fault> {
    let kind = data.u8("type")?;
    let known = matches!(kind, 1..=21 | 30..=40 | 45..=51 | 58..=64 | 70 | 100..=107 | 110..=113 | 120..=127);
    Reader::require(known, "type")?;
    Reader::require(
        data.u8("number of objects")? & 0x7f != 0,
        "number of objects",
    )?;
    let cause = data.u8("cause")? & 0x3f;
    Reader::require((1..=47).contains(&cause), "cause")
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
        let data = b"\x68\x0e\0\0\0\0F\x01\x04\0\x01\0\0\0\0\0\x68";
        assert!(certain(2404, data) && !certain(2404, &data[..16]) && !certain(2405, data));
        assert!(!certain(2404, b"\x68\x04\x0f\0\0\0") && !certain(2404, b"\x68\x05\x07\0\0\0"));
    }
}
