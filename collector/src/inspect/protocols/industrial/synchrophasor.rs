//! Synchrophasors (IEEE C37.118.2, section 6.2): a start byte, type and version, the frame's size;
//! and the frame's check sum, without which it is likely on its ports.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

use super::crc;

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IEEE-C37118"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [4712, 4713];
const SHORTEST: usize = 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\xaa", "start")?;
    let kind = reader.u8("type")?;
    Reader::require(kind >> 4 <= 5 && (1..=3).contains(&(kind & 0x0f)), "type")?;
    let size = usize::from(reader.u16("size")?);
    Reader::require(size >= SHORTEST, "size")?;
    let whole = speech.transport == Transport::Tcp || size == speech.bytes.len();
    Reader::require(whole, "size")?;
    if speech.on_ports(&PORTS) && speech.bytes.len() < size {
        return Ok(Finding::likely());
    }
    let frame = speech.reader().take(size, "frame")?;
    let (frame, sum) = frame.split_last_chunk::<2>().ok_or(Fault::Wrong("frame"))?;
    let right = crc::ccitt(0xffff, frame) == u16::from_be_bytes(*sum);
    Reader::require(right, "check sum")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            4712,
            &[Opener(b"\xaaA\0\x12\0\xf1\0\0\0\0\0\0\0\0\0\x05\xd7\xd0")],
            "IEEE-C37118",
        ),
        Talk::udp(
            4713,
            &[Opener(b"\xaaA\0\x12\0\xf1\0\0\0\0\0\0\0\0\0\x05\xd7\xd0")],
            "IEEE-C37118",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_check_sum_must_be_right() {
        let mut frame = *b"\xaa\x41\0\x12\0\xf1\0\0\0\0\0\0\0\0\0\x05\xd7\xd0";
        assert!(certain(40_000, &frame));
        frame[15] = 4;
        assert!(!certain(40_000, &frame) && !certain(4712, &frame));
    }
}
