//! ClickHouse's native protocol (ClickHouse documentation, "Native protocol", client and server): the
//! greeting of either side, numbers of seven bits a byte, strings behind their lengths.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
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
/// The revisions since the protocol's first and for a long while.
const REVISIONS: std::ops::RangeInclusive<u32> = 50_000..=59_999;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(&[HELLO], "packet type")?;
    let length = usize::from(reader.u8("name")?);
    Reader::require((4..=100).contains(&length), "name")?;
    let name = reader.take(length, "name")?;
    let text = name.iter().all(|b| *b == b' ' || b.is_ascii_graphic());
    Reader::require(text, "name")?;
    let major = number(&mut reader, "major version")?;
    let minor = number(&mut reader, "minor version")?;
    let revision = number(&mut reader, "revision")?;
    Reader::require(major < 100 && minor < 0x1_0000, "version")?;
    Reader::require(REVISIONS.contains(&revision), "revision")?;
    Ok(Finding::certain_if(length >= 8 || speech.on_port(PORT)))
}

/// Of at most three bytes, the least significant first.
fn number(reader: &mut Reader<'_>, part: &'static str) -> Result<u32, Fault> {
    let mut number = 0;
    for shift in [0, 7, 14] {
        let byte = reader.u8(part)?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Fault::Wrong(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
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
