//! MPEG transport streams over UDP (ISO/IEC 13818-1, section 2.4.3.2): datagrams that are nothing
//! but packets of 188 bytes, each with the sync byte.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MPEG_TS"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PACKET: usize = 188;

fn probe(speech: &Speech<'_>) -> Verdict {
    /// As many sync bytes as make 32 bits.
    const ENOUGH: usize = 4;
    let mut heard = 0;
    for datagram in speech.datagrams() {
        heard += packets(datagram)?;
    }
    if heard < ENOUGH {
        return Err(Fault::Short("packets"));
    }
    Ok(Finding::default())
}

fn packets(bytes: &[u8]) -> Result<usize, Fault> {
    let packets = bytes.chunks(PACKET);
    let count = packets.len();
    Reader::require(packets.into_iter().all(packet), "packet")?;
    Ok(count)
}

/// Sync byte; a payload, an adaptation field or both.
fn packet(bytes: &[u8]) -> bool {
    let field = bytes.get(3).is_some_and(|flags| flags & 0x30 != 0);
    bytes.len() == PACKET && bytes.first() == Some(&0x47) && field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const fn stream<const N: usize>() -> [u8; N] {
        let mut bytes = [0xff; N];
        let mut at = 0;
        while at < N {
            (bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]) = (0x47, 0x1f, 0xff, 0x10);
            at += PACKET;
        }
        bytes
    }
    const SEVEN: &[u8] = &stream::<{ 7 * PACKET }>();
    const TWO: &[u8] = &stream::<{ 2 * PACKET }>();

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(1234, &[Opener(SEVEN)], "MPEG_TS"),
        Talk::udp(1234, &[Opener(TWO), Opener(TWO)], "MPEG_TS"),
    ];

    #[test]
    fn few_packets_or_broken_ones_are_not_a_stream() {
        assert!(probe(&Speech::datagram(1234, TWO)).is_err());
        assert!(probe(&Speech::datagram(1234, &SEVEN[1..])).is_err());
        assert!(probe(&Speech::datagram(1234, &SEVEN[..1315])).is_err());
        assert!(probe(&Speech::datagram(1234, b"")).is_err());
    }
}
