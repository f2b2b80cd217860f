//! Cisco `AnyConnect` by its DTLS, which kept the version number of a draft (0x0100) where DTLS 1.0
//! (RFC 4347, section 4.1) has another: OpenSSL knows it as `DTLS1_BAD_VER`, for this use alone.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CiscoVPN"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;
/// No more than a few keys and no more than these records are used while a flow is young.
const FEW_EPOCHS: u16 = 16;
const FEW_RECORDS: u32 = 1 << 28;

/// A handshake stands in the first record of its epoch; where one is missing, data takes a second
/// datagram.
fn probe(speech: &Speech<'_>) -> Verdict {
    let kind = record(speech.bytes)?;
    let mut earlier = speech.earlier.datagrams().chain(speech.other.datagrams());
    if kind == HANDSHAKE || earlier.any(|bytes| record(bytes).is_ok()) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

/// The kind of the first record.
fn record(bytes: &[u8]) -> Result<u8, Fault> {
    let mut reader = Reader::whole(bytes);
    let kind = reader.u8("kind")?;
    Reader::require((20..=DATA).contains(&kind), "kind")?;
    reader.magic(b"\x01\0", "version")?;
    Reader::require(reader.u16("epoch")? < FEW_EPOCHS, "epoch")?;
    let high = reader.u16("sequence number")?;
    let low = reader.u32("sequence number")?;
    Reader::require(high == 0 && low < FEW_RECORDS, "sequence number")?;
    reader.part16("record")?;
    Ok(kind)
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
            443,
            &[
                Opener(b"\x16\x01\0\0\0\0\0\0\0\0\0\0\x0c\x01\0\0\x54\0\0\0\0\0\0\0\x54"),
                Responder(b"\x16\x01\0\0\0\0\0\0\0\0\0\0\x0c\x02\0\0\x46\0\0\0\0\0\0\0\x46"),
            ],
            "CiscoVPN",
        ),
        Talk::udp(
            443,
            &[
                Opener(b"\x17\x01\0\0\x01\0\0\0\0\x2a\x07\0\x08abcdefgh"),
                Responder(b"\x17\x01\0\0\x01\0\0\0\0\x2b\x08\0\x08hgfedcba"),
            ],
            "CiscoVPN",
        ),
    ];

    #[test]
    fn the_versions_of_the_standard_and_records_that_are_too_long_are_not_cisco_s() {
        assert!(record(b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x02\x01\0").is_err());
        assert!(record(b"\x16\x01\0\0\0\0\0\0\0\0\0\0\x03\x01\0").is_err());
        assert!(record(b"\x16\x01\0\0\0\0\0\0\0\0\0\0\x02\x01\0").is_ok());
    }
}
