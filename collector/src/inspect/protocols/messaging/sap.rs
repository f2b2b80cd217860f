//! Session announcements to a multicast group (RFC 2974, section 3): a header, and the type and
//! beginning of the description.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("SAP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 9875;
/// The version's bits, and the bit that must be zero.
const VERSION_MASK: u8 = 0xe8;
const VERSION: u8 = 0x20;
const IPV6: u8 = 0x10;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let flags = reader.u8("flags")?;
    Reader::require(flags & VERSION_MASK == VERSION, "version")?;
    // Encrypted and compressed announcements hide what they describe.
    Reader::require(flags & 3 == 0, "flags")?;
    let authentication = usize::from(reader.u8("authentication length")?) * 4;
    reader.u16("message id")?;
    let source = if flags & IPV6 != 0 { 16 } else { 4 };
    reader.take(source + authentication, "source and authentication")?;
    match reader.rest() {
        [b'v', ..] => {
            let line = reader.line(8, "description")?;
            Reader::require(line == b"v=0", "description")?;
        }
        // A withdrawal may hold the originator's line alone.
        [b'o', ..] if speech.on_port(PORT) => reader.magic(b"o=", "originator")?,
        _ => reader.magic(b"application/sdp\0", "payload type")?,
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// An announcement with its payload's type, and one without.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            9875,
            &[Opener(
                b"\x20\0\x12\x34\xc0\0\x02\x01application/sdp\0v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
            )],
            "SAP",
        ),
        Talk::udp(
            9875,
            &[Opener(
                b"\x20\0\x12\x34\xc0\0\x02\x01v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
            )],
            "SAP",
        ),
    ];

    #[test]
    fn another_version_or_another_payload_is_not_an_announcement() {
        let judge = |bytes| probe(&Speech::datagram(9875, bytes));
        assert!(judge(b"\x40\0\x12\x34\xc0\0\x02\x01v=0\r\n").is_err());
        assert!(judge(b"\x20\0\x12\x34\xc0\0\x02\x01text").is_err());
        assert!(judge(b"\x20\x01\x12\x34\xc0\0\x02\x01v=0\r").is_err());
        let withdrawal = b"\x24\0\x12\x34\xc0\0\x02\x01o=- 1 1 IN IP4 192.0.2.1\r\n";
        assert!(judge(withdrawal).is_ok());
        assert!(probe(&Speech::datagram(40_000, withdrawal)).is_err());
    }
}
