//! PTP version 2 (IEEE 1588-2008, section 13.3), on its ports: version, message type and the
//! message's own length.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("PTPv2"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [319, 320];
/// From the shortest message to as long as one of the peers'.
const MOST_PADDING: usize = 10;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_ports(&PORTS), "port")?;
    let mut reader = speech.reader();
    let kind = reader.u8("message type")? & 0x0f;
    Reader::require(matches!(kind, 0..=3 | 8..=13), "message type")?;
    Reader::require(reader.u8("version")? & 0x0f == 2, "version")?;
    let length = usize::from(reader.u16("length")?);
    // Hardware may pad the datagram.
    let least = match kind {
        // Sync, delay request, follow-up; signalling and management.
        0 | 1 | 8 | 12 | 13 => 44,
        // Requests and answers between peers, delay response.
        2 | 3 | 9 | 10 => 54,
        _ => 64,
    };
    let padding = speech.bytes.len().checked_sub(length);
    let fits = length >= least && padding.is_some_and(|padding| padding <= MOST_PADDING);
    Reader::require(fits, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        319,
        &[Opener(
            b"\0\x02\0,\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\xff\xfe\x04\
                    \x05\x06\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0",
        )],
        "PTPv2",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_message_must_fit_in_the_datagram() {
        let mut sync = [0; 44];
        sync[..4].copy_from_slice(b"\0\x02\0\x2c");
        assert!(certain(319, &sync) && !certain(321, &sync));
        assert!(!certain(319, &sync[..43]));
        sync[0] = 2;
        assert!(!certain(319, &sync));
    }
}
