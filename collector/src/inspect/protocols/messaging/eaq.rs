//! The probes of EAQ, the measurement of Brazil's broadband (Entidade Aferidora da Qualidade):
//! datagrams of 16 bytes to and from its servers' port, which begin with a counter of four decimal
//! digits. No specification is published.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("EAQ"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 6000;
const SIZE: usize = 16;
/// So many probes of both sides make a train.
const TRAIN: usize = 4;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let (count, steps) = train(speech.datagrams())?;
    let (answers, _) = train(speech.other.datagrams())?;
    if count + answers < TRAIN || steps == 0 {
        return Err(Fault::Short("train of probes"));
    }
    Ok(Finding::default())
}

/// How many probes, and how often the counter has risen: by one, or not at all where a probe is
/// sent again.
fn train<'a>(datagrams: impl Iterator<Item = &'a [u8]>) -> Result<(usize, usize), Fault> {
    let (mut count, mut steps) = (0, 0);
    let mut last = None;
    for datagram in datagrams {
        let counter = counter(datagram)?;
        let step = last.map_or(0, |last: u32| counter.wrapping_sub(last));
        Reader::require(step <= 1, "counter")?;
        count += 1;
        steps += usize::from(step == 1);
        last = Some(counter);
    }
    Ok((count, steps))
}

/// Four digits, as numbers or as text.
fn counter(datagram: &[u8]) -> Result<u32, Fault> {
    Reader::require(datagram.len() == SIZE, "size")?;
    let mut reader = Reader::whole(datagram);
    let mut counter = 0;
    for _ in 0..4 {
        let digit = match reader.u8("digit")? {
            digit @ (0..=9 | b'0'..=b'9') => digit & 0x0f,
            _ => return Err(Fault::Wrong("digit")),
        };
        counter = counter * 10 + u32::from(digit);
    }
    Ok(counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// A train of probes.
    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        6000,
        &[
            Opener(b"\0\0\x09\x08\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
            Opener(b"\0\0\x09\x09\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
            Opener(b"\0\x01\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
            Opener(b"\0\x01\0\x01\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"),
        ],
        "EAQ",
    )];

    #[test]
    fn a_datagram_of_another_size_or_with_other_digits_is_no_probe() {
        assert_eq!(counter(&[0; 15]), Err(Fault::Wrong("size")));
        assert_eq!(counter(&[10; 16]), Err(Fault::Wrong("digit")));
        assert_eq!(counter(&[1; 16]), Ok(1111));
    }

    #[test]
    fn one_probe_alone_or_on_another_port_proves_nothing() {
        let alone = probe(&Speech::datagram(6000, &[1; 16]));
        assert!(matches!(alone, Err(Fault::Short(_))));
        let same = train([&[1; 16][..]; 5].into_iter());
        assert_eq!(same, Ok((5, 0)));
        let elsewhere = probe(&Speech::datagram(6001, &[1; 16]));
        assert_eq!(elsewhere.unwrap_err(), Fault::Wrong("port"));
    }
}
