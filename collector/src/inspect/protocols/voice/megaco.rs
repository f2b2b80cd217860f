//! Megaco in its text form (RFC 3525, annex B.2; H.248.1): protocol name and version, then the
//! sender as an address, a domain or a device. Over TCP in the packets of RFC 1006.

use crate::inspect::{
    Label,
    protocols::tpkt,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Megaco"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        (_, reader) = tpkt::packet(&mut reader)?;
    }
    match reader.rest().first() {
        Some(b'!') => reader.magic(b"!/", "protocol")?,
        _ => reader.literal(b"MEGACO/", "protocol")?,
    }
    let version = reader.u8("version")?;
    Reader::require(matches!(version, b'1'..=b'3'), "version")?;
    let space = reader.u8("space")?;
    Reader::require(space.is_ascii_whitespace(), "space")?;
    let sender = reader.u8("sender")?;
    let formed = matches!(sender, b'[' | b'<') || sender.is_ascii_alphanumeric();
    Reader::require(formed, "sender")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            2944,
            &[
                Opener(b"!/1 <gateway>\nT=555282713{C=-{AV=DS/1/5{AT{M}}}}"),
                Responder(b"MEGACO/1 [192.0.2.1]:2944 Reply=555282713{Context=-}"),
            ],
            "Megaco",
        ),
        Talk::tcp(
            2944,
            &[Opener(b"\x03\0\0\x19!/2 [192.0.2.1]:2944\n")],
            "Megaco",
        ),
    ];

    #[test]
    fn another_version_or_sender_is_not_megaco() {
        let judge = |bytes| probe(&Speech::datagram(2944, bytes));
        for bytes in [
            &b"!/9 <gateway>"[..],
            b"!/1-<gateway>",
            b"!/1 {}",
            b"MEGA/1 <a>",
        ] {
            assert!(judge(bytes).is_err());
        }
    }
}
