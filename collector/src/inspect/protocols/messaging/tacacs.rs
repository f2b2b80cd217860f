//! TACACS+ (RFC 8907, section 4.1): versions, type, sequence number, flags, session, length.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TACACS"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 49;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let version = reader.u8("version")?;
    Reader::require(matches!(version, 0xc0 | 0xc1), "version")?;
    // Authentication, authorization, accounting.
    Reader::require(matches!(reader.u8("type")?, 1..=3), "type")?;
    // Clients begin with 1 and servers answer it.
    Reader::require(
        matches!(reader.u8("sequence number")?, 1 | 2),
        "sequence number",
    )?;
    // Unencrypted, single connection.
    Reader::require(reader.u8("flags")? & !5 == 0, "flags")?;
    reader.u32("session")?;
    let length = reader.u32("length")?;
    Reader::require((5..=0xffff).contains(&length), "length")?;
    Ok(Finding::certain_if(speech.on_port(PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A client logs a user in.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        49,
        &[
            Opener(b"\xc0\x01\x01\0\xa1\xb2\xc3\xd4\0\0\0\x1c\x5e\x01"),
            Responder(b"\xc0\x01\x02\0\xa1\xb2\xc3\xd4\0\0\0\x10\x9d\x02"),
        ],
        "TACACS",
    )];

    #[test]
    fn it_is_likely_away_from_its_port_and_never_with_unknown_flags() {
        let judge = |bytes| probe(&Speech::stream(4949, bytes, false));
        let start = judge(b"\xc0\x01\x01\0\xa1\xb2\xc3\xd4\0\0\0\x1c");
        assert!(start.unwrap().likely);
        let flags = judge(b"\xc0\x01\x01\x02\xa1\xb2\xc3\xd4\0\0\0\x1c");
        assert_eq!(flags.unwrap_err(), Fault::Wrong("flags"));
    }
}
