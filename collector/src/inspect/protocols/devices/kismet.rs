//! Kismet: the greeting of its server (Kismet's documentation, "Client/server protocol").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Kismet"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::open(speech.bytes).magic(b"*KISMET: ", "greeting")?;
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
        2501,
        &[
            Responder(b"*KISMET: 0.0.0 1144004381 \x01Kismet\x01 20050815211952 0 2005.08.R1 \n"),
            Opener(b"!0 ENABLE GPS lat,lon\n"),
        ],
        "Kismet",
    )];

    #[test]
    fn a_greeting_that_is_cut_is_not_yet_kismet() {
        assert!(probe(&Speech::stream(2501, b"*KISMET", false)).is_err());
        assert!(probe(&Speech::stream(2501, b"*TIME: 1\n", false)).is_err());
    }
}
