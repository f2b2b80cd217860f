//! Kerberos 5 over UDP and TCP (RFC 4120, section 5 and 7.2), by a message's identifier, its
//! protocol version and its type, which repeats the identifier.

use crate::inspect::{
    Label,
    protocols::ber,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Kerberos"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// The protocol version.
const VERSION: u32 = 5;
/// `[APPLICATION n]`, constructed.
const APPLICATION: u32 = 0x60;
/// Number their fields from 1, all others from 0.
const KDC_REQUESTS: [u32; 2] = [10, 12];
/// Of passwords' changes (RFC 3244), whose messages wrap Kerberos's.
const PASSWORD: u16 = 464;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        // The length's top bit is reserved, and no ticket is that long.
        let length = reader.u32("length")?;
        Reader::require((16..0x10_0000).contains(&length), "length")?;
    }
    if speech.on_port(PASSWORD) {
        change(&mut reader)?;
    }
    message(&mut reader)?;
    Ok(Finding::default())
}

/// Length of all, version, and length of the first message of the two that follow.
fn change(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let length = reader.u16("length")?;
    let version = reader.u16("change's version")?;
    Reader::require(matches!(version, 1 | 0xff80), "change's version")?;
    let request = reader.u16("request's length")?;
    Reader::require(request < length, "request's length")
}

fn message(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let (identifier, mut body) = ber::element(reader, "message")?;
    let kind = identifier.wrapping_sub(APPLICATION);
    // KDC and application; safe, private, credentials; error.
    Reader::require(matches!(kind, 10..=15 | 20..=22 | 30), "message")?;
    let first = if KDC_REQUESTS.contains(&kind) {
        0xa1
    } else {
        0xa0
    };
    let mut fields = ber::tagged(&mut body, ber::SEQUENCE, "fields")?;
    let mut version = ber::tagged(&mut fields, first, "version")?;
    let version = ber::number(&mut version, ber::INTEGER, "version")?;
    Reader::require(version == VERSION, "version")?;
    let mut repeated = ber::tagged(&mut fields, first + 1, "message type")?;
    let repeated = ber::number(&mut repeated, ber::INTEGER, "message type")?;
    Reader::require(repeated == kind, "message type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A request for a ticket, and the refusal that asks for pre-authentication; a new password.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            88,
            &[Opener(
                b"\x6a\x1b\x30\x19\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4\x0d\x30\x0b\xa0\x07\
                \x03\x05\0\x40\x81\0\x10\xa2\0",
            )],
            "Kerberos",
        ),
        Talk::tcp(
            88,
            &[
                Opener(
                    b"\0\0\0\x1d\x6a\x1b\x30\x19\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4\x0d\x30\x0b\
                    \xa0\x07\x03\x05\0\x40\x81\0\x10\xa2\0",
                ),
                Responder(
                    b"\0\0\0\x21\x7e\x1f\x30\x1d\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e\xa4\x11\
                    \x18\x0f20190205033848Z",
                ),
            ],
            "Kerberos",
        ),
        Talk::udp(
            464,
            &[Opener(
                b"\0\x20\0\x01\0\x10\x6e\x0e\x30\x0c\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x0e\xa2\0\
                \x75\x08\x30\x06\xa0\x03\x02\x01\x05",
            )],
            "Kerberos",
        ),
    ];

    fn judge(bytes: &[u8]) -> Result<(), Fault> {
        message(&mut Reader::whole(bytes))
    }

    #[test]
    fn the_type_has_to_repeat_the_identifier() {
        let mut request =
            b"\x6a\x0e\x30\x0c\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a\xa4\0".to_vec();
        assert_eq!(judge(&request), Ok(()));
        request[13] = 12;
        assert_eq!(judge(&request), Err(Fault::Wrong("message type")));
    }

    #[test]
    fn a_change_of_a_password_has_a_version_of_its_own() {
        let mut reader = Reader::whole(b"\0\x20\0\x02\0\x10");
        assert_eq!(change(&mut reader), Err(Fault::Wrong("change's version")));
    }

    #[test]
    fn another_application_s_message_is_not_kerberos() {
        assert_eq!(judge(b"\x60\x02\x30\0"), Err(Fault::Wrong("message")));
        let version_4 = b"\x7e\x0c\x30\x0a\xa0\x03\x02\x01\x04\xa1\x03\x02\x01\x1e";
        assert_eq!(judge(version_4), Err(Fault::Wrong("version")));
    }
}
