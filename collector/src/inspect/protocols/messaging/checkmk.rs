//! Checkmk by the first section of an agent's output (Checkmk, "The agent's output": sections begin
//! with their name in angle brackets).

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("CHECKMK"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"<<<check_mk>>>", "section")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        reader::Fault,
        tests::{Talk, Turn::Responder},
    };

    /// An agent's output.
    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        6556,
        &[Responder(
            b"<<<check_mk>>>\nVersion: 1.4.0p9\nAgentOS: linux\n",
        )],
        "CHECKMK",
    )];

    #[test]
    fn another_bracketed_text_is_not_checkmk() {
        let judged = probe(&Speech::stream(6556, b"<<<here>>>", false));
        assert_eq!(judged.unwrap_err(), Fault::Wrong("section"));
    }
}
