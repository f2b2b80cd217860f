//! Nano between its nodes (Nano's node protocol specification, "Message header"): the letter R, the
//! network's, three versions of the protocol, the message's kind and its extensions.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Nano"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of the live, the beta and the test network, and the first ones.
const PORTS: [u16; 5] = [7075, 54_000, 17_075, 44_000, 7076];

fn probe(speech: &Speech<'_>) -> Verdict {
    let reader = speech.reader();
    header(reader)?;
    Ok(if speech.on_ports(&PORTS) {
        Finding::default()
    } else {
        Finding::likely()
    })
}

fn header(mut reader: Reader<'_>) -> Result<(), Fault> {
    reader.magic(b"R", "magic number")?;
    let network = reader.u8("network")?;
    Reader::require(matches!(network, b'A' | b'B' | b'C' | b'X'), "network")?;
    let (most, used, least) = (
        reader.u8("greatest version")?,
        reader.u8("version")?,
        reader.u8("least version")?,
    );
    let versions = (7..=40).contains(&least) && least <= used && used <= most && most <= 40;
    Reader::require(versions, "versions")?;
    // Keepalive to the latest of the ascending bootstrap.
    let kind = reader.u8("kind")?;
    Reader::require(matches!(kind, 2..=0x10), "kind")?;
    reader.u16("extensions").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        7075,
        &[
            Opener(b"RC\x14\x14\x12\x0a\x05\0abcdefghijklmnopqrstuvwxyz012345"),
            Responder(b"RC\x14\x14\x12\x0a\x07\0abcdefghijklmnopqrstuvwxyz012345"),
        ],
        "Nano",
    )];

    #[test]
    fn the_versions_are_in_order_and_the_kind_is_known() {
        let judged = |bytes| header(Reader::open(bytes)).is_ok();
        assert!(!judged(b"RC\x12\x14\x12\x0a\x05\0"));
        assert!(!judged(b"RC\x14\x14\x15\x0a\x05\0"));
        assert!(!judged(b"RC\x14\x14\x12\x40\x05\0"));
        assert!(!judged(b"RD\x14\x14\x12\x0a\x05\0"));
    }

    #[test]
    fn away_from_its_ports_it_is_no_more_than_likely() {
        let bytes = b"RC\x14\x14\x12\x0a\x05\0";
        let likely = |port| {
            probe(&Speech::stream(port, bytes, false))
                .ok()
                .unwrap()
                .likely
        };
        assert!(likely(40_000));
        assert!(!likely(7075));
    }
}
