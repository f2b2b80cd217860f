//! Oracle Net by the packets of its Transparent Network Substrate. The vendor publishes no
//! description; the rules rest on the header of eight bytes, the versions in use, and the connect
//! data in parentheses.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Oracle"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1521;
const CONNECT: u8 = 1;
const ACCEPT: u8 = 2;
const REFUSE: u8 = 4;
const REDIRECT: u8 = 5;
const DATA: u8 = 6;
const RESEND: u8 = 11;
/// Of 8.0 to what is in use.
const VERSIONS: std::ops::RangeInclusive<u16> = 300..=330;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    // Of two bytes and a checksum that nobody makes; since 12.2 of four, once it is agreed.
    let (high, low) = (reader.u16("length")?, reader.u16("packet checksum")?);
    let length = high.max(low);
    Reader::require(length >= 8 && high.min(low) == 0, "length")?;
    let kind = reader.u8("packet type")?;
    reader.u8("flags")?;
    reader.magic(b"\0\0", "header checksum")?;
    match kind {
        DATA if speech.on_port(PORT) => {}
        _ if low != 0 => return Err(Fault::Wrong("packet type")),
        CONNECT => connect(&mut reader)?,
        ACCEPT => {
            let version = reader.u16("version")?;
            Reader::require(VERSIONS.contains(&version), "version")?;
        }
        REFUSE => {
            reader.take(2 + 2, "reasons and data length")?;
            reader.magic(b"(", "refuse data")?;
        }
        REDIRECT => {
            reader.u16("data length")?;
            reader.magic(b"(", "redirect data")?;
        }
        RESEND if length == 8 => {}

        _ => return Err(Fault::Wrong("packet type")),
    }
    Ok(Finding::default())
}

/// Version, the oldest that is compatible, options and two sizes.
fn connect(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let version = reader.u16("version")?;
    let oldest = reader.u16("compatible version")?;
    let known = VERSIONS.contains(&version) && (300..=version).contains(&oldest);
    Reader::require(known, "version")?;
    reader.u16("service options")?;
    let session = reader.u16("session data unit")?;
    Reader::require(session >= 512, "session data unit")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A client that is asked to send again; a server accepts.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1521,
            &[
                Opener(
                    b"\0\x76\0\0\x01\0\0\0\x01\x3a\x01\x2c\x0c\x41\x20\0\xff\xff\x7f\x08\0\0\x01\0\0\x3c\0\x3a\0\0\0\0\
                    \x41\x41\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=",
                ),
                Responder(b"\0\x08\0\0\x0b\0\0\0"),
            ],
            "Oracle",
        ),
        Talk::tcp(1521, &[Responder(b"\0\x20\0\0\x02\0\0\0\x01\x3a\0\0\x08\0\x7f\xff")], "Oracle"),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn data_alone_is_oracle_on_the_port_only() {
        let data = b"\0\x0a\0\0\x06\0\0\0\0\x40";
        assert!(judge(1521, data).is_ok());
        assert!(judge(40_000, data).is_err());
    }

    #[test]
    fn another_checksum_type_or_version_is_not_oracle() {
        assert!(judge(1521, b"\0\x76\0\x01\x01\0\0\0").is_err());
        assert!(judge(1521, b"\0\x76\0\0\x0d\0\0\0").is_err());
        let version = judge(1521, b"\0\x76\0\0\x01\0\0\0\x02\x3a\x01\x2c").unwrap_err();
        assert_eq!(version, Fault::Wrong("version"));
    }
}
