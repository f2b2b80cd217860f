//! IAX2 (RFC 5456): a call's first frame, which is fixed but for the call number and the time, on
//! any port; any other full frame whose information elements fill it on the registered one.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("IAX"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 4569;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let frame = frame(&mut reader)?;
    Reader::require(frame.opens() || speech.on_port(PORT), "first frame")?;
    Ok(Finding::default())
}

struct Frame {
    /// The other side's call number, the sequence numbers: what a first frame has none of.
    state: u32,
    subclass: u8,
}

/// A control frame of IAX (section 8.1.1) and its elements (section 8.6).
fn frame(reader: &mut Reader<'_>) -> Result<Frame, Fault> {
    let source = reader.u16("source call number")?;
    Reader::require(source > 0x8000, "full frame")?;
    let call = reader.u16("destination call number")?;
    reader.u32("time")?;
    let numbers = reader.u16("sequence numbers")?;
    Reader::require(reader.u8("frame type")? == 6, "frame type")?;
    let subclass = reader.u8("subclass")?;
    Reader::require(matches!(subclass, 1..=0x28), "subclass")?;
    while !reader.at_end() {
        let element = reader.u8("information element")?;
        Reader::require(matches!(element, 1..=0x38), "information element")?;
        reader.part8("information element")?;
    }
    Ok(Frame {
        state: u32::from(call) << 16 | u32::from(numbers),
        subclass,
    })
}

impl Frame {
    /// NEW, REGREQ, POKE.
    fn opens(&self) -> bool {
        self.state == 0 && matches!(self.subclass, 0x01 | 0x0d | 0x1e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const NEW: &[u8] = b"\x80\x01\0\0\0\0\0\x03\0\0\x06\x01\x0b\x02\0\x02\x01\x04\x31\x30\x30\x31";
    const ACCEPT: &[u8] = b"\x80\x02\0\x01\0\0\0\x10\0\x01\x06\x07\x09\x04\0\0\0\x04";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(40_001, &[Opener(NEW)], "IAX"),
        Talk::udp(4569, &[Opener(NEW), Responder(ACCEPT)], "IAX"),
    ];

    #[test]
    fn a_later_frame_counts_on_the_port_alone() {
        assert!(probe(&Speech::datagram(4569, ACCEPT)).is_ok());
        assert!(probe(&Speech::datagram(40_001, ACCEPT)).is_err());
    }

    #[test]
    fn elements_fill_the_frame() {
        assert!(probe(&Speech::datagram(4569, &NEW[..20])).is_err());
    }
}
