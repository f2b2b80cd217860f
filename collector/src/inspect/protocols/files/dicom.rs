//! DICOM by the request for an association, or its acceptance (PS3.8, sections 9.3.2 and 9.3.3): a
//! fixed header, two titles and the name of the application context.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DICOM"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const REQUEST: u8 = 1;
const ACCEPTANCE: u8 = 2;
/// The titles of both sides, and 32 reserved bytes.
const TITLES: usize = 64;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let kind = reader.u8("type")?;
    Reader::require(matches!(kind, REQUEST | ACCEPTANCE), "type")?;
    Reader::require(reader.u8("reserved")? == 0, "reserved")?;
    let length = reader.u32("length")?;
    Reader::require((68..=1 << 20).contains(&length), "length")?;
    reader.magic(&[0, 1, 0, 0], "protocol version")?;
    reader.take(TITLES, "titles")?;
    reader.magic(b"\x10\0", "application context")?;
    reader.u16("application context")?;
    reader.magic(b"1.2.840.10008.3.1.1.1", "application context")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const ASSOCIATION: &[u8] = b"\x01\0\0\0\0\xcd\0\x01\0\0ANY-SCP         ECHOSCU         \
        \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
        \x10\0\0\x151.2.840.10008.3.1.1.1";

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(104, &[Opener(ASSOCIATION)], "DICOM")];

    #[test]
    fn another_version_is_not_dicom() {
        let mut bytes = ASSOCIATION.to_vec();
        bytes[7] = 2;
        assert!(probe(&Speech::stream(104, &bytes, false)).is_err());
    }
}
