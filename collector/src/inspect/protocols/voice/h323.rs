//! H.323: call signalling over TCP (H.225.0 in messages of Q.931, in the packets of RFC 1006) and
//! registration over UDP (H.225.0 RAS), whose requests name the protocol by its object identifier.

use crate::inspect::{
    Label,
    protocols::tpkt,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("H323"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.transport {
        Transport::Tcp => signalling(speech.bytes)?,
        Transport::Udp => registration(speech.bytes)?,
    }
    Ok(Finding::default())
}

/// Protocol discriminator, call reference and message type (Q.931, section 4).
fn signalling(bytes: &[u8]) -> Result<(), Fault> {
    let (length, mut reader) = tpkt::packet(&mut Reader::open(bytes))?;
    Reader::require(length <= 4096, "packet length")?;
    reader.magic(b"\x08\x02", "discriminator")?;
    reader.u16("call reference")?;
    let kind = reader.u8("message type")?;
    let known = matches!(
        kind,
        0x01..=0x03 | 0x05 | 0x07 | 0x0d | 0x0f | 0x4d | 0x5a | 0x62 | 0x6e | 0x75 | 0x7b | 0x7d
    );
    Reader::require(known, "message type")?;
    // Bearer capability, cause, facility, display, numbers, user to user: what may come first.
    let element = reader.u8("information element")?;
    let known = matches!(
        element,
        0x04 | 0x08 | 0x1c | 0x1e | 0x28 | 0x34 | 0x6c | 0x70 | 0x7e
    );
    Reader::require(known, "information element")
}

/// The object identifier of H.225.0, `{itu-t(0) recommendation(0) h(8) 2250 version(0)}`, in PER.
const H225: &[u8] = b"\x06\0\x08\x91\x4a\0";

/// It stands within the first bytes: behind choice, sequence number and a few options.
fn registration(bytes: &[u8]) -> Result<(), Fault> {
    let start = bytes.get(..16).unwrap_or(bytes);
    let named = start.windows(H225.len()).any(|part| part == H225);
    Reader::require(named, "object identifier")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const SETUP: &[u8] = b"\x03\0\0\x40\x08\x02\x12\x34\x05\x04\x03\x88\x93\xa5\x28\x04test";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(1720, &[Opener(SETUP)], "H323"),
        Talk::udp(
            1719,
            &[Opener(
                b"\0\xa0\x12\x34\x06\0\x08\x91\x4a\0\x05\x01\0\xc0\0\x02\x01\x06\xb7",
            )],
            "H323",
        ),
    ];

    #[test]
    fn other_packets_of_rfc_1006_are_not_h323() {
        assert!(signalling(b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08").is_err());
        let mut bytes = SETUP.to_vec();
        bytes[8] = 0x44;
        assert!(signalling(&bytes).is_err());
    }

    #[test]
    fn an_object_identifier_late_in_a_datagram_is_not_h323() {
        assert!(registration(&[&[0; 12][..], H225].concat()).is_err());
    }
}
