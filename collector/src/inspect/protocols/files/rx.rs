//! Rx, the remote procedure calls of AFS (OpenAFS, "Rx protocol specification", packet header), on
//! the ports of AFS.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RX"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// File server to backup server.
const PORTS: std::ops::RangeInclusive<u16> = 7000..=7009;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port_within(&PORTS), "AFS port")?;
    let mut reader = Reader::whole(speech.bytes);
    reader.take(8, "epoch and connection")?;
    for part in ["call number", "sequence number", "serial number"] {
        Reader::require(reader.u32(part)? < 1 << 24, part)?;
    }
    // Data to version.
    Reader::require((1..=13).contains(&reader.u8("type")?), "type")?;
    reader.u8("flags")?;
    reader.u8("user status")?;
    Reader::require(reader.u8("security")? <= 5, "security")?;
    reader.u16("checksum")?;
    reader.u16("service")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const CALL: &[u8] = b"\x38\0\xa4\xd1\x58\x86\x72\x3c\0\0\0\x01\0\0\0\x01\0\0\0\x01\x01\x05\0\0\
        \0\0\0\x34\0\0\x02\x0f";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        7003,
        &[
            Opener(CALL),
            Responder(
                b"\x38\0\xa4\xd1\x58\x86\x72\x3c\0\0\0\x01\0\0\0\x01\0\0\0\x01\x01\x04\0\0\0\0\0\x34",
            ),
        ],
        "RX",
    )];

    #[test]
    fn another_type_or_port_is_not_rx() {
        let mut bytes = CALL.to_vec();
        assert!(probe(&Speech::datagram(4000, &bytes)).is_err());
        bytes[20] = 14;
        assert!(probe(&Speech::datagram(7003, &bytes)).is_err());
    }
}
