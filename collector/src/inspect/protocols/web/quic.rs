//! QUIC by its long header (RFC 8999, RFC 9000 section 17.2, RFC 9369), its drafts, and Google's
//! earlier form. Nothing is decrypted. A flow taken up at its short headers is not recognised.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("QUIC"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const LONG_HEADER: u8 = 0x80;
const FIXED_BIT: u8 = 0x40;
const NEGOTIATION: u32 = 0;
const VERSION_1: u32 = 1;
const VERSION_2: [u8; 4] = [0x6b, 0x33, 0x43, 0xcf];
/// The first draft with the long header of RFC 9000, and the last.
const DRAFTS: std::ops::RangeInclusive<u32> = 0xff00_0016..=0xff00_0022;
/// The pattern of versions that ask for version negotiation (RFC 9000, section 15); whoever sends
/// one uses the form of a version that it does speak.
const RESERVED: u32 = 0x0a0a_0a0a;
/// Connection ids have at most 20 bytes in these versions (RFC 9000, section 17.2).
const LONGEST_ID: usize = 20;
/// What header protection samples (RFC 9001, section 5.4.2).
const SHORTEST_PACKET: u64 = 20;

/// A form of the header behind the version.
enum Form {
    /// RFC 9000; the packet type that is Initial, and the one that is Retry.
    Ietf { initial: u8, retry: u8 },
    /// Google's Q044 to Q046: the lengths of both connection ids in one byte.
    Packed,
}

fn probe(speech: &Speech<'_>) -> Verdict {
    header(speech.bytes)?;
    Ok(Finding::default())
}

fn header(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::bounded(bytes, bytes.len());
    let first = reader.u8("first byte")?;
    if first & LONG_HEADER == 0 {
        return public_header(first, &mut reader);
    }
    let version = reader.u32("version")?;
    if version == NEGOTIATION {
        return negotiation(&mut reader);
    }
    Reader::require(first & FIXED_BIT != 0, "fixed bit")?;
    match form(version).ok_or(Fault::Wrong("version"))? {
        Form::Ietf { initial, retry } => {
            connection_ids(&mut reader)?;
            let kind = first >> 4 & 3;
            packet(&mut reader, kind == initial, kind == retry)
        }
        Form::Packed => packed_ids(&mut reader),
    }
}

fn form(version: u32) -> Option<Form> {
    const RFC_9000: Form = Form::Ietf {
        initial: 0,
        retry: 3,
    };
    const RFC_9369: Form = Form::Ietf {
        initial: 1,
        retry: 0,
    };
    let reserved = version & 0x0f0f_0f0f == RESERVED;
    if version == VERSION_1 || reserved || DRAFTS.contains(&version) {
        return Some(RFC_9000);
    }
    match version.to_be_bytes() {
        VERSION_2 => Some(RFC_9369),
        [b'Q' | b'T', b'0', b'5', b'0'..=b'9'] => Some(RFC_9000),
        // Facebook's mvfst, in the working group's list of versions.
        [0xfa, 0xce, 0xb0, 0x00..=0x0f] => Some(RFC_9000),
        [b'Q', b'0', b'4', b'4'..=b'9'] => Some(Form::Packed),
        _ => None,
    }
}

fn connection_ids(reader: &mut Reader<'_>) -> Result<(), Fault> {
    for part in ["destination connection id", "source connection id"] {
        let length = usize::from(reader.u8(part)?);
        Reader::require(length <= LONGEST_ID, part)?;
        reader.take(length, part)?;
    }
    Ok(())
}

fn packet(reader: &mut Reader<'_>, initial: bool, retry: bool) -> Result<(), Fault> {
    if retry {
        return reader.take(16, "integrity tag").map(|_| ());
    }
    if initial {
        let token = variable(reader, "token length")?;
        reader.take(usize::try_from(token).unwrap_or(usize::MAX), "token")?;
    }
    let length = variable(reader, "length")?;
    Reader::require(length >= SHORTEST_PACKET, "length")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    reader.take(length, "packet").map(|_| ())
}

/// An integer of 1, 2, 4 or 8 bytes (RFC 9000, section 16).
fn variable(reader: &mut Reader<'_>, part: &'static str) -> Result<u64, Fault> {
    let first = reader.u8(part)?;
    let mut value = u64::from(first & 0x3f);
    for _ in 1..1 << (first >> 6) {
        value = value << 8 | u64::from(reader.u8(part)?);
    }
    Ok(value)
}

/// Version negotiation (RFC 9000, section 17.2.1): at least one version in the list is known.
fn negotiation(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.part8("destination connection id")?;
    reader.part8("source connection id")?;
    let mut known = false;
    while !reader.at_end() {
        known |= form(reader.u32("supported version")?).is_some();
    }
    Reader::require(known, "supported versions")
}

fn packed_ids(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let lengths = reader.u8("connection id lengths")?;
    for nibble in [lengths >> 4, lengths & 0xf] {
        // 0, or the length less 3.
        let length = if nibble == 0 { 0 } else { nibble + 3 };
        reader.take(usize::from(length), "connection id")?;
    }
    reader.take(16, "packet").map(|_| ())
}

/// Google's public header of Q043 and before (QUIC Wire Layout Specification): flags, a connection
/// id, the version.
fn public_header(flags: u8, reader: &mut Reader<'_>) -> Result<(), Fault> {
    const VERSION: u8 = 0x01;
    const CONNECTION_ID: u8 = 0x08;
    const UNUSED: u8 = 0xc0;
    let versioned = flags & (VERSION | CONNECTION_ID) == VERSION | CONNECTION_ID;
    Reader::require(versioned && flags & UNUSED == 0, "public flags")?;
    reader.take(8, "connection id")?;
    let version = reader.u32("version")?.to_be_bytes();
    let known = matches!(version, [b'Q', b'0', b'0'..=b'4', b'0'..=b'9']);
    Reader::require(known, "version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    // The long header of an Initial (RFC 9000, section 17.2.2) whose packet is 20 bytes.
    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        443,
        &[Opener(
            b"\xc3\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x14\
            \x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14",
        )],
        "QUIC",
    )];

    /// The beginning of the client's Initial in RFC 9001, appendix A.2, up to its packet number;
    /// the rest is ciphertext.
    const CLIENT: &[u8] = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\x9e\
        \x7b\x9a\xec\x34";
    /// The Retry in RFC 9001, appendix A.4.
    const RETRY: &[u8] = b"\xff\0\0\0\x01\0\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5token\
        \x04\xa2\x65\xba\x2e\xff\x4d\x82\x90\x58\xfb\x3f\x0f\x24\x96\xba";

    fn client() -> Vec<u8> {
        let mut datagram = CLIENT.to_vec();
        datagram.resize(1200, 0x5a);
        datagram
    }

    fn with(version: &[u8; 4], first: u8) -> Vec<u8> {
        let mut datagram = client();
        datagram[0] = first;
        datagram[1..5].copy_from_slice(version);
        datagram
    }

    #[test]
    fn long_headers_of_version_1_are_quic() {
        assert_eq!(header(&client()), Ok(()));
        assert_eq!(header(RETRY), Ok(()));
    }

    #[test]
    fn version_2_the_drafts_and_google_s_are_quic() {
        assert_eq!(header(&with(b"\x6b\x33\x43\xcf", 0xd0)), Ok(()));
        assert_eq!(header(&with(b"\xff\0\0\x1d", 0xc0)), Ok(()));
        assert_eq!(header(&with(b"Q050", 0xc0)), Ok(()));
        let packed = [&b"\xc0Q046\x50"[..], &[7; 8], &[0x5a; 40]].concat();
        assert_eq!(header(&packed), Ok(()));
        assert_eq!(
            header(b"\x0d\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01"),
            Ok(())
        );
    }

    #[test]
    fn a_version_negotiation_lists_a_known_version() {
        let list = b"\x80\0\0\0\0\x01\xaa\x01\xbb\x1a\x2a\x3a\x4a\0\0\0\x01";
        assert_eq!(header(list), Ok(()));
        let unknown = b"\x80\0\0\0\0\x01\xaa\x01\xbb\0\0\0\x09";
        assert_eq!(header(unknown), Err(Fault::Wrong("supported versions")));
    }

    #[test]
    fn a_reserved_version_that_asks_for_negotiation_is_quic() {
        assert_eq!(header(&with(b"\x1a\x2a\x3a\x4a", 0xc0)), Ok(()));
    }

    #[test]
    fn unknown_versions_short_headers_and_hostile_lengths_are_not_quic() {
        assert_eq!(
            header(&with(b"\0\0\0\x09", 0xc0)),
            Err(Fault::Wrong("version"))
        );
        assert!(header(b"\x40\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c").is_err());
        let mut datagram = client();
        datagram[5] = 21;
        assert_eq!(
            header(&datagram),
            Err(Fault::Wrong("destination connection id"))
        );
        let longest = [&CLIENT[..16], &[0xff; 8], &[0; 100]].concat();
        assert_eq!(header(&longest), Err(Fault::Wrong("packet")));
    }
}
