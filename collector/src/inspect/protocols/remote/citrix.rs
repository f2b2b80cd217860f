//! Citrix ICA by the server's greeting, and the Common Gateway Protocol around it by the client's.
//! The vendor publishes no description; the rule rests on the names that both greetings begin with.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Citrix"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let known: &[u8] = match speech.bytes.first() {
        Some(0x7f) => b"\x7f\x7fICA\0",
        Some(0x1a) => b"\x1aCGP/01",
        Some(_) => return Err(Fault::Wrong("greeting")),
        None => return Err(Fault::Short("greeting")),
    };
    reader.magic(known, "greeting")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1494,
            &[
                Responder(b"\x7f\x7fICA\0\x7f\x7fICA\0"),
                Opener(b"\x7f\x7fICA\0"),
            ],
            "Citrix",
        ),
        Talk::tcp(2598, &[Opener(b"\x1aCGP/01\x01\0\0\0")], "Citrix"),
    ];

    #[test]
    fn an_executable_file_is_not_citrix() {
        assert!(probe(&Speech::stream(1494, b"\x7fELF\x02\x01", false)).is_err());
    }
}
