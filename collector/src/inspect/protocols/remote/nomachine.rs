//! NoMachine by the line that either side of its NX daemon begins with: name and version. The vendor
//! publishes no description; the rule rests on the names NXD and NXSH in that line.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NoMachine"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"NX", "greeting")?;
    let line = reader.line(64, "greeting")?;
    let version = line.strip_prefix(b"D-").or(line.strip_prefix(b"SH-"));
    let numbered = version.is_some_and(|text| text.first().is_some_and(u8::is_ascii_digit));
    Reader::require(numbered, "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        4000,
        &[Responder(b"NXD-4.0.0\n"), Opener(b"NXSH-8.4.2\n")],
        "NoMachine",
    )];

    #[test]
    fn a_name_without_a_version_is_not_enough() {
        assert!(probe(&Speech::stream(4000, b"NXD-x\n", false)).is_err());
        assert!(probe(&Speech::stream(4000, b"NXT-1\n", false)).is_err());
    }
}
