//! Z39.50 by the initialisation that a session begins with (ISO 23950, section 3.2.1.1 and appendix
//! 3): version, options and two sizes, in BER.

use crate::inspect::{
    Label,
    protocols::ber,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Z3950"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// `[20]` and `[21]`, constructed.
const INIT_REQUEST: u32 = 0xb4;
const INIT_RESPONSE: u32 = 0xb5;
const REFERENCE: u32 = 0x82;
const VERSION: u32 = 0x83;
const OPTIONS: u32 = 0x84;
const PREFERRED_SIZE: u32 = 0x85;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let (identifier, mut fields) = ber::element(&mut reader, "initialisation")?;
    let known = matches!(identifier, INIT_REQUEST | INIT_RESPONSE);
    Reader::require(known, "initialisation")?;
    let (mut tag, mut version) = ber::element(&mut fields, "version")?;
    if tag == REFERENCE {
        (tag, version) = ber::element(&mut fields, "version")?;
    }
    Reader::require(tag == VERSION, "version")?;
    // A bit string: how many bits of its last byte are unused comes first.
    Reader::require(version.u8("version")? <= 7, "version")?;
    let mut options = ber::tagged(&mut fields, OPTIONS, "options")?;
    Reader::require(options.u8("options")? <= 7, "options")?;
    ber::number(&mut fields, PREFERRED_SIZE, "message size")?;
    Ok(Finding::default())
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

    /// A session begins.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        210,
        &[
            Opener(b"\xb4\x10\x83\x02\x05\xe0\x84\x02\x01\xe2\x85\x02\x40\0\x86\x02\x40\0"),
            Responder(
                b"\xb5\x13\x83\x02\x05\xe0\x84\x02\x01\xe2\x85\x02\x40\0\x86\x02\x40\0\x8c\x01\xff",
            ),
        ],
        "Z3950",
    )];

    #[test]
    fn another_operation_first_is_not_z3950() {
        let search = b"\xb6\x10\x8d\x01\x01";
        assert!(probe(&Speech::stream(210, search, false)).is_err());
        let options = b"\xb4\x10\x83\x02\x05\xe0\x85\x02\x40\0";
        let judged = probe(&Speech::stream(210, options, false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("options"));
    }
}
