//! KNXnet/IP (KNX standard, volume 3/8/2, section 2.3): the header's size and version, a service
//! and the total length.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("KNXnet_IP"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"\x06", "header size")?;
    Reader::require(matches!(reader.u8("version")?, 0x10 | 0x20), "version")?;
    // Core, device management, tunnelling, routing, remote diagnosis, object server, security.
    let service = reader.u16("service")?;
    let known = matches!(
        service,
        0x0201..=0x020c | 0x0310..=0x0311 | 0x0420..=0x0425 | 0x0530..=0x0533
            | 0x0740..=0x0743 | 0x0800..=0x0801 | 0x0950..=0x0956
    );
    Reader::require(known, "service")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require((6..=0x0400).contains(&length), "length")?;
    let whole = speech.transport == Transport::Tcp || length == speech.bytes.len();
    Reader::require(whole, "length")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            3671,
            &[Opener(b"\x06\x10\x02\x01\0\x0e\x08\x01\xc0\0\x02\x01\x0eW")],
            "KNXnet_IP",
        ),
        Talk::tcp(
            3671,
            &[Opener(
                b"\x06\x10\x02\x05\0\x1a\x08\x02\0\0\0\0\0\0\x08\x02\0\0\0\0\0\0\x04\
                    \x04\x02\0",
            )],
            "KNXnet_IP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_service_or_length_is_not_knx() {
        assert!(certain(40_000, b"\x06\x10\x02\x01\0\x06"));
        assert!(
            !certain(3671, b"\x06\x10\x02\x01\0\x07") && !certain(3671, b"\x06\x10\x09\x01\0\x06")
        );
    }
}
