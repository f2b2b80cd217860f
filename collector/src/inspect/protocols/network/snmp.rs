//! SNMP of versions 1, 2 (RFC 1157, section 4; RFC 1901, section 3) and 3 (RFC 3412, section 6): a
//! version, and behind it a community and a PDU, or the header of the third.

use crate::inspect::{
    Label,
    protocols::ber,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SNMP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const THIRD: u32 = 3;
/// get-request to report, context-specific.
const PDUS: std::ops::RangeInclusive<u32> = 0xa0..=0xa8;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let mut message = ber::tagged(&mut reader, ber::SEQUENCE, "message")?;
    match ber::number(&mut message, ber::INTEGER, "version")? {
        0..=2 => {
            ber::tagged(&mut message, ber::OCTET_STRING, "community")?;
            let (pdu, _) = ber::element(&mut message, "PDU")?;
            Reader::require(PDUS.contains(&pdu), "PDU")?;
        }
        THIRD => {
            let mut header = ber::tagged(&mut message, ber::SEQUENCE, "header")?;
            ber::number(&mut header, ber::INTEGER, "message id")?;
            ber::number(&mut header, ber::INTEGER, "largest size")?;
            let flags = ber::tagged(&mut header, ber::OCTET_STRING, "flags")?;
            Reader::require(flags.rest().len() == 1, "flags")?;
            ber::number(&mut header, ber::INTEGER, "security model")?;
            ber::tagged(&mut message, ber::OCTET_STRING, "security parameters")?;
        }
        _ => return Err(Fault::Wrong("version")),
    }
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
            161,
            &[
                Opener(
                    b"0)\x02\x01\0\x04\x06public\xa0\x1c\x02\x04}\xb0\xa2\xf1\x02\x01\0\
                    \x02\x01\x000\x0e0\x0c\x06\x08+\x06\x01\x02\x01\x01\x01\0\x05\0",
                ),
                Responder(
                    b"0+\x02\x01\0\x04\x06public\xa2\x1e\x02\x04}\xb0\xa2\xf1\x02\x01\0\
                    \x02\x01\x000\x100\x0e\x06\x08+\x06\x01\x02\x01\x01\x01\0\x04\x02pf",
                ),
            ],
            "SNMP",
        ),
        Talk::udp(
            161,
            &[Opener(
                b"0>\x02\x01\x030\x11\x02\x04K}\xd1.\x02\x03\0\xff\xe3\x04\x01\x04\x02\
                    \x01\x03\x04\x100\x0e\x04\0\x02\x01\0\x02\x01\0\x04\0\x04\0\x04\x000\
                    \x14\x04\0\x04\0\xa0\x0e\x02\x04\x1f]\x8b:\x02\x01\0\x02\x01\x000\0",
            )],
            "SNMP",
        ),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_version_or_pdu_is_not_snmp() {
        assert!(certain(
            40_000,
            b"\x30\x0b\x02\x01\x01\x04\x01a\xa5\x03\x02\x01\x01"
        ));
        assert!(!certain(
            161,
            b"\x30\x0b\x02\x01\x04\x04\x01a\xa5\x03\x02\x01\x01"
        ));
        assert!(!certain(
            161,
            b"\x30\x0b\x02\x01\x01\x04\x01a\xa9\x03\x02\x01\x01"
        ));
        assert!(!certain(
            161,
            b"\x30\x0c\x02\x01\x01\x04\x01a\xa5\x03\x02\x01\x01"
        ));
    }
}
