//! Zoom over UDP, as Michel et al. describe it ("Enabling Passive Measurement of Zoom Performance
//! in Production Networks", IMC 2022): the set-up with a server on one of Zoom's ports,
//! of which the server repeats the identifiers, the set-up between two participants,
//! which states an address and a UUID as text, and sound, video and shared screens in RTP.

use std::net::IpAddr;

use super::rtp;
use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Zoom"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes.first() {
        Some(0x1f) => between_participants(speech.bytes)?,
        Some(1 | 2) => return with_server(speech),
        _ => {
            rtp::second_packet(speech, encapsulated)?;
            return Ok(Finding::of(MEDIA));
        }
    }
    Ok(Finding::default())
}

const MEDIA: Label = Label {
    master: "SRTP",
    app: "Zoom",
};

/// RTP behind the header of a server (type, number, direction) where one is between, and that of the
/// medium, whose type fixes its length.
fn encapsulated(bytes: &[u8]) -> Result<rtp::Header, Fault> {
    let mut reader = Reader::whole(bytes);
    if bytes.first() == Some(&5) {
        reader.take(8, "server header")?;
    }
    let length = match reader.rest().first() {
        Some(0x0d) => 27,
        Some(0x0f) => 19,
        Some(0x10) => 24,
        _ => return Err(Fault::Wrong("medium")),
    };
    reader.take(length, "medium")?;
    rtp::header(&mut reader)
}

fn between_participants(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    reader.magic(b"\x1f\x02\x01\0", "type")?;
    reader.take(20, "identifiers")?;
    let address = text(&mut reader)?;
    Reader::require(address.parse::<IpAddr>().is_ok(), "address")?;
    let uuid = text(&mut reader)?;
    let formed = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    Reader::require(uuid.len() == 36 && uuid.bytes().all(formed), "UUID")
}

/// Behind a length of four bytes.
fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Fault> {
    let length = reader.u32("text length")?;
    let length = usize::try_from(length).map_err(|_| Fault::Wrong("text length"))?;
    let text = reader.take(length, "text")?;
    std::str::from_utf8(text).map_err(|_| Fault::Wrong("text"))
}

/// Certain once request and response are here.
fn with_server(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port_within(&(8801..=8810)), "port")?;
    let (kind, identifiers) = set_up(speech.bytes)?;
    let answers = |other: &[u8]| {
        set_up(other).is_ok_and(|(other, same)| other != kind && same == identifiers)
    };
    if speech.other.datagrams().any(answers) {
        return Ok(Finding::default());
    }
    Ok(Finding::likely())
}

/// Request (1) or response (2), and what both of them hold.
fn set_up(bytes: &[u8]) -> Result<(u8, &[u8]), Fault> {
    let mut reader = Reader::whole(bytes);
    let kind = reader.u8("type")?;
    Reader::require(kind == 1 || kind == 2, "type")?;
    reader.magic(&[0], "type")?;
    let identifiers = reader.take(16, "identifiers")?;
    let (start, _) = identifiers.split_at_checked(4).unwrap_or_default();
    Reader::require(start.iter().any(|&byte| byte != 0), "identifiers")?;
    reader.take(24, "parameters")?;
    Ok((kind, identifiers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const REQUEST: &[u8] =
        b"\x01\0\x03\xc8\x4a\xc4\x52\x87\x18\xcd\xa2\xb8\x47\x7a\x1b\x89\x9f\x33\x83\0\0\0\0\0\0\0\
        \x02\0\x6f\x61\x3f\0\x6f\x61\x3f\0\0\0\x40\xe6\xd7\x66\xf5\x94";
    const RESPONSE: &[u8] =
        b"\x02\0\x03\xc8\x4a\xc4\x52\x87\x18\xcd\xa2\xb8\x47\x7a\x1b\x89\x9f\x33\x83\0\x4f\x83\x78\
        \0\x6f\x61\x3f\0\0\0\0\0\0\0\0\0\x40\0\x40\0\x03\xe0\x03\0";
    const BETWEEN: &[u8] =
        b"\x1f\x02\x01\0\x08\0\x01\0\x04\0\x5c\x9b\x63\x7b\0\0\0\x64\0\0\0\x62\xa0\x4c\0\0\0\x09\
        192.0.2.1\0\0\0\x2401234567-89ab-cdef-0123-456789abcdef\0\0\0\0";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(8801, &[Opener(REQUEST), Responder(RESPONSE)], "Zoom"),
        Talk::udp(40_001, &[Opener(BETWEEN)], "Zoom"),
        Talk::udp(
            40_001,
            &[
                Opener(
                    b"\x0f\x01\0\xfb\x90\x16\x11\x04\x03\0\x02\x49\x09\xb6\x4c\0\x01\0\x48\
                    \x80\x71\x19\x07\0\x11\xd8\x10\x01\0\x08\x02abcd",
                ),
                Opener(
                    b"\x0f\x01\0\xfb\x90\x16\x11\x04\x03\0\x01\x49\x09\xb6\xa6\0\x01\0\x47\
                    \x80\x71\x19\x08\0\x11\xea\xd0\x01\0\x08\x02abcd",
                ),
            ],
            "SRTP.Zoom",
        ),
    ];

    #[test]
    fn a_request_without_its_answer_is_likely_and_only_on_zoom_s_ports() {
        let verdict = probe(&Speech::datagram(8801, REQUEST));
        assert!(verdict.is_ok_and(|finding| finding.likely));
        assert!(probe(&Speech::datagram(8800, REQUEST)).is_err());
    }

    #[test]
    fn participants_state_an_address_and_a_uuid() {
        let mut bytes = BETWEEN.to_vec();
        bytes[28] = b'x';
        assert!(between_participants(&bytes).is_err());
        assert!(between_participants(&BETWEEN[..60]).is_err());
    }
}
