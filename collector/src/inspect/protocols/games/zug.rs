//! Zug, a consensus protocol. No description of its datagrams is published; the rule rests on the
//! magic number that they begin with.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ZUG"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::whole(speech.bytes).magic(b"\0zUG\x10", "name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        19_000,
        &[Opener(
            b"\0zUG\x10\xae\xa0\x41\0\x6e\xbc\x2a\x68\xb2\x6e\x77",
        )],
        "ZUG",
    )];

    #[test]
    fn another_network_is_not_zug() {
        assert!(probe(&Speech::datagram(19_000, b"\0zUH\x10\xae")).is_err());
    }
}
