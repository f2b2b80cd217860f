//! Checkmk: the output of an agent, sections that begin with their names in angle brackets, of which
//! the agent's own is the first (Checkmk manual, "Monitoring agents").

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
    Reader::open(speech.bytes).magic(b"<<<check_mk", "section")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Responder};

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        6556,
        &[Responder(
            b"<<<check_mk>>>\nVersion: 1.4.0p9\nAgentOS: linux\n",
        )],
        "CHECKMK",
    )];

    #[test]
    fn another_text_in_brackets_is_not_checkmk() {
        assert!(probe(&Speech::stream(6556, b"<<<uptime>>>\n", false)).is_err());
    }
}
