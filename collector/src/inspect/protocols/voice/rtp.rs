//! RTP (RFC 3550, section 5.1) over UDP, and over TCP in the frames of RFC 4571. A header fixes few
//! bits, so two packets of one source have to follow each other (appendix A.1).

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RTP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Udp => {
            second_packet(speech, |bytes| header(&mut Reader::whole(bytes)))?;
        }
        Transport::Tcp => {
            let mut reader = Reader::open(speech.bytes);
            let first = header(&mut reader.part16("frame")?)?;
            let second = header(&mut reader.part16("frame")?)?;
            Reader::require(second.follows(&first), "sequence number")?;
        }
    }
    Ok(Finding::default())
}

/// The latest datagram and one before it, as `read` finds packets in them, follow each other.
pub(super) fn second_packet(
    speech: &Speech<'_>,
    read: impl Fn(&[u8]) -> Result<Header, Fault>,
) -> Result<(), Fault> {
    let packet = read(speech.bytes)?;
    let mut earlier = speech.earlier.datagrams();
    if earlier.any(|older| read(older).is_ok_and(|older| packet.follows(&older))) {
        return Ok(());
    }
    Err(Fault::Short("second packet"))
}

/// What tells that packets belong together.
pub(super) struct Header {
    sequence: u16,
    timestamp: u32,
    source: u32,
    /// Of the header extension.
    pub(super) profile: Option<u16>,
}

/// The header with its extension, and the padding where all of the packet is here.
pub(super) fn header(reader: &mut Reader<'_>) -> Result<Header, Fault> {
    let first = reader.u8("version")?;
    Reader::require(first >> 6 == 2, "version")?;
    let kind = reader.u8("payload type")? & 0x7f;
    // Static, then what is unassigned or dynamic (RFC 3551, section 6); between them lie the types
    // that would be RTCP's (RFC 5761, section 4).
    Reader::require(matches!(kind, 0..=63 | 96..=127), "payload type")?;
    let mut header = Header {
        sequence: reader.u16("sequence number")?,
        timestamp: reader.u32("timestamp")?,
        source: reader.u32("synchronization source")?,
        profile: None,
    };
    let told = header.source != 0 || header.timestamp != 0;
    Reader::require(told, "synchronization source")?;
    reader.take(usize::from(first & 0xf) * 4, "contributing sources")?;
    if first & 0x10 != 0 {
        header.profile = Some(reader.u16("extension profile")?);
        let words = usize::from(reader.u16("extension length")?);
        reader.take(words * 4, "extension")?;
    }
    if first & 0x20 != 0 {
        let padding = reader.rest().last().copied().unwrap_or_default();
        let fits = usize::from(padding) <= reader.rest().len();
        Reader::require(fits, "padding")?;
    }
    Ok(header)
}

impl Header {
    /// Of the same source, at most as much later as a few lost packets explain.
    pub(super) fn follows(&self, older: &Self) -> bool {
        const LOST: u16 = 32;
        /// Ten seconds and more at the highest usual rate, 192 kHz; pictures go back as well.
        const APART: u32 = 1 << 21;
        let steps = self.sequence.wrapping_sub(older.sequence);
        let later = self.timestamp.wrapping_sub(older.timestamp);
        let apart = later.min(later.wrapping_neg());
        // A source of zero proves little, so the time has to go on.
        let moves = self.source != 0 || (1..=APART).contains(&later);
        self.source == older.source && (1..=LOST).contains(&steps) && apart <= APART && moves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const FIRST: &[u8] = b"\x80\x88\x05\x9b\0\x02\xe0\xc0\xf6\xbf\x57\xe2\xff\xff\xff\xff";
    const SECOND: &[u8] = b"\x80\x08\x05\x9c\0\x02\xe1\x60\xf6\xbf\x57\xe2\x7d\x7d\xfc\xfe";

    /// A call of one side, and the same in frames.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            9395,
            &[Opener(FIRST), Responder(b"\0"), Opener(SECOND)],
            "RTP",
        ),
        Talk::tcp(
            5000,
            &[Opener(
                b"\0\x10\x80\x88\x05\x9b\0\x02\xe0\xc0\xf6\xbf\x57\xe2\xff\xff\xff\xff\
                \0\x10\x80\x08\x05\x9c\0\x02\xe1\x60\xf6\xbf\x57\xe2\x7d\x7d\xfc\xfe",
            )],
            "RTP",
        ),
    ];

    fn follow(first: &[u8], second: &[u8]) -> bool {
        let read = |bytes| header(&mut Reader::whole(bytes)).unwrap();
        read(second).follows(&read(first))
    }

    fn changed(at: usize, value: u8) -> Vec<u8> {
        let mut bytes = SECOND.to_vec();
        bytes[at] = value;
        bytes
    }

    #[test]
    fn one_packet_is_not_yet_rtp() {
        let verdict = probe(&Speech::datagram(5004, FIRST));
        assert_eq!(verdict.unwrap_err(), Fault::Short("second packet"));
    }

    #[test]
    fn packets_of_one_source_follow_each_other() {
        assert!(follow(FIRST, SECOND));
        assert!(!follow(SECOND, FIRST));
        assert!(!follow(FIRST, FIRST));
        assert!(!follow(FIRST, &changed(11, 0)), "another source");
        assert!(!follow(FIRST, &changed(4, 0x40)), "another time");
    }

    #[test]
    fn a_header_that_does_not_fit_is_not_rtp() {
        for (at, value) in [(0, 0x40), (0, 0x8f), (0, 0x90), (1, 0xc8), (1, 0x50)] {
            let judged = header(&mut Reader::whole(&changed(at, value)));
            assert!(judged.is_err(), "{at} {value}");
        }
    }
}
