//! Radmin by the frame around each of its messages: 01, length, sum of the data's little-endian
//! words. The vendor publishes no description; the rule rests on that sum, or on the port.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Radmin"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4899;
const LONGEST: u32 = 64;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    Reader::require(reader.u8("frame type")? == 1, "frame type")?;
    let length = reader.u32("length")?;
    Reader::require((1..=LONGEST).contains(&length), "length")?;
    let sum = reader.u32("sum")?;
    let data = reader.take(usize::try_from(length).unwrap_or(usize::MAX), "data")?;
    if speech.on_port(PORT) {
        return Ok(Finding::default());
    }
    summed(data, sum)?;
    Ok(Finding::default())
}

fn summed(data: &[u8], sum: u32) -> Result<(), Fault> {
    let word = |bytes: &[u8]| {
        let mut whole = [0; 4];
        whole
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        u32::from_le_bytes(whole)
    };
    let total = data.chunks(4).map(word).fold(0, u32::wrapping_add);
    Reader::require(total == sum, "sum")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4899,
        &[
            Opener(b"\x01\0\0\0\x05\0\0\x02\x27\x27\x02\0\0\0"),
            Responder(b"\x01\0\0\0\x01\0\0\0\x08\x08"),
        ],
        "Radmin",
    )];

    #[test]
    fn away_from_the_port_the_sum_has_to_be_right() {
        assert!(
            probe(&Speech::stream(
                4000,
                b"\x01\0\0\0\x01\0\0\0\x08\x08",
                false
            ))
            .is_ok()
        );
        assert!(
            probe(&Speech::stream(
                4000,
                b"\x01\0\0\0\x01\0\0\0\x09\x08",
                false
            ))
            .is_err()
        );
    }
}
