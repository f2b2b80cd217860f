//! RTCP (RFC 3550, section 6) and its encrypted form SRTCP (RFC 3711, section 3.4): a report and a
//! second packet of the same source, in the same datagram or in another of its side.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RTCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let source = packet(&mut reader)?;
    let again = |bytes: &[u8]| packet(&mut Reader::whole(bytes)) == Ok(source);
    if compound(&mut reader, source) || speech.earlier.datagrams().any(again) {
        return Ok(Finding::default());
    }
    Err(Fault::Short("second packet"))
}

/// Reads a packet; its source.
fn packet(reader: &mut Reader<'_>) -> Result<u32, Fault> {
    let first = reader.u8("version")?;
    Reader::require(first >> 6 == 2, "version")?;
    // Up to extended reports (RFC 3611).
    let kind = reader.u8("packet type")?;
    Reader::require(matches!(kind, 200..=207), "packet type")?;
    let words = usize::from(reader.u16("length")?);
    let mut body = Reader::whole(reader.take(words * 4, "packet")?);
    let source = body.u32("synchronization source")?;
    Reader::require(source != 0, "synchronization source")?;
    Ok(source)
}

/// Packets of the same source up to the datagram's end.
fn compound(reader: &mut Reader<'_>, source: u32) -> bool {
    let mut packets = 1;
    while !reader.at_end() {
        if packet(reader) != Ok(source) {
            return false;
        }
        packets += 1;
    }
    packets > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// A receiver that has heard nothing, and its canonical name.
    const COMPOUND: &[u8] =
        b"\x80\xc9\0\x01\x12\x34\x56\x78\x81\xca\0\x03\x12\x34\x56\x78\x01\x04abcd\0\0";
    const SECURE: &[u8] =
        b"\x80\xc9\0\x01\x73\x4e\x7b\x28\x80\0\0\0\x51\x15\x0d\xdd\x7b\xaf\xeb\x9c\xbd\x7c";
    const SECURE_AGAIN: &[u8] =
        b"\x80\xc9\0\x01\x73\x4e\x7b\x28\x80\0\0\x01\x87\x30\xb9\xc2\xa4\x89\x1b\x6b\x1e\xe7";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(5005, &[Opener(COMPOUND)], "RTCP"),
        Talk::udp(40_001, &[Opener(SECURE), Opener(SECURE_AGAIN)], "RTCP"),
    ];

    #[test]
    fn one_report_alone_is_not_yet_rtcp() {
        let verdict = probe(&Speech::datagram(5005, SECURE));
        assert_eq!(verdict.unwrap_err(), Fault::Short("second packet"));
    }

    #[test]
    fn packets_of_two_sources_are_no_compound() {
        let mut bytes = COMPOUND.to_vec();
        bytes[12] = 0x13;
        assert!(probe(&Speech::datagram(5005, &bytes)).is_err());
    }
}
