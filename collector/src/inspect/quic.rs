//! QUIC by its long header (RFC 8999, RFC 9000 section 17.2, RFC 9369), its drafts, and Google's
//! earlier form. Nothing is decrypted. A flow taken up at its short headers is not recognised.

use super::{
    reader::{Fault, Reader},
    registry::{Dissector, Service, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    service: Service::new("QUIC", "Web"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
};

const LONG_HEADER: u8 = 0x80;
const FIXED_BIT: u8 = 0x40;
const NEGOTIATION: u32 = 0;
const VERSION_1: u32 = 1;
const VERSION_2: [u8; 4] = [0x6b, 0x33, 0x43, 0xcf];
/// The first draft with the long header of RFC 9000, and the last.
const DRAFTS: std::ops::RangeInclusive<u32> = 0xff00_0016..=0xff00_0022;
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
    match header(speech.bytes) {
        Ok(()) => Verdict::plain(),
        Err(fault) => fault.into(),
    }
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
    if version == VERSION_1 || DRAFTS.contains(&version) {
        return Some(RFC_9000);
    }
    match version.to_be_bytes() {
        VERSION_2 => Some(RFC_9369),
        [b'Q' | b'T', b'0', b'5', b'0'..=b'9'] => Some(RFC_9000),
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
    const RESERVED: u8 = 0xc0;
    let versioned = flags & (VERSION | CONNECTION_ID) == VERSION | CONNECTION_ID;
    Reader::require(versioned && flags & RESERVED == 0, "public flags")?;
    reader.take(8, "connection id")?;
    let version = reader.u32("version")?.to_be_bytes();
    let known = matches!(version, [b'Q', b'0', b'0'..=b'4', b'0'..=b'9']);
    Reader::require(known, "version")
}
