//! ClickHouse's native protocol (ClickHouse documentation, "Native protocol", client and server):
//! the greeting of either side, numbers of seven bits a byte, strings behind their lengths.

use crate::inspect::{
    Label,
    protocols::{text, varint::varint},
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ClickHouse"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 9000;
const HELLO: u8 = 0;
/// Three bytes hold any version and revision.
const LONGEST_NUMBER: u32 = 3;
/// The revisions since the protocol's first and for a long while.
const REVISIONS: std::ops::RangeInclusive<u64> = 50_000..=59_999;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[HELLO], "packet type")?;
    let length = usize::from(reader.u8("name")?);
    Reader::require((4..=100).contains(&length), "name")?;
    let name = reader.take(length, "name")?;
    Reader::require(text::printable(name), "name")?;
    let major = varint(&mut reader, LONGEST_NUMBER, "major version")?;
    let minor = varint(&mut reader, LONGEST_NUMBER, "minor version")?;
    let revision = varint(&mut reader, LONGEST_NUMBER, "revision")?;
    Reader::require(major < 100 && minor < 0x1_0000, "version")?;
    Reader::require(REVISIONS.contains(&revision), "revision")?;
    Ok(Finding::certain_if(length >= 8 || speech.on_port(PORT)))
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

    /// Both sides greet.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        9000,
        &[
            Opener(b"\0\x11ClickHouse client\x15\x08\xd0\xa8\x03\0\x07default\0"),
            Responder(b"\0\x0aClickHouse\x15\x08\xd0\xa8\x03\x03UTC\x04host"),
        ],
        "ClickHouse",
    )];

    #[test]
    fn another_revision_is_not_clickhouse() {
        let bytes = b"\0\x0aClickHouse\x15\x08\x10";
        let judged = probe(&Speech::stream(9000, bytes, false)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("revision"));
    }

    #[test]
    fn a_name_of_other_than_text_is_not_clickhouse() {
        let judged = probe(&Speech::stream(9000, b"\0\x04\0\0\0\0", false)).unwrap_err();
        assert_eq!(judged, Fault::Wrong("name"));
    }
}
