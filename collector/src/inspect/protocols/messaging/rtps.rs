//! RTPS, the wire protocol of the Data Distribution Service (OMG, DDSI-RTPS 2.5, section 9.4.4).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RTPS"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"RTP", "protocol")?;
    let variant = reader.u8("protocol")?;
    // X is of RTI's earlier implementation.
    Reader::require(matches!(variant, b'S' | b'X'), "protocol")?;
    let major = reader.u8("version")?;
    Reader::require(matches!(major, 1 | 2), "version")?;
    let minor = reader.u8("minor version")?;
    Reader::require(minor <= 9, "minor version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{Talk, Turn::Opener},
    };

    /// A participant looks for others.
    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        7410,
        &[Opener(b"RTPS\x02\x01\x01\x01NDDSPING")],
        "RTPS",
    )];

    #[test]
    fn another_version_is_not_rtps() {
        for bytes in [&b"RTPS/1.0"[..], b"RTPS\x02\x20", b"RTPT\x02\x01"] {
            let judged = probe(&Speech::datagram(7410, bytes));
            assert!(matches!(judged, Err(Fault::Wrong(_))));
        }
    }
}
