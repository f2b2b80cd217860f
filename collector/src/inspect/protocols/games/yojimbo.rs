//! Yojimbo and its transport netcode: a request for a connection (netcode's `STANDARD.md`,
//! "Connection request packet").

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Yojimbo"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic(b"\0NETCODE 1.0", "version")?;
    let minor = reader.u8("version")?;
    Reader::require(minor.is_ascii_digit(), "version")?;
    reader.magic(&[0], "version")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        40_000,
        &[Opener(
            b"\0NETCODE 1.02\0\0\0\0\0\0\0\x20\x13\xad\x65\0\0\0\0",
        )],
        "Yojimbo",
    )];

    #[test]
    fn another_text_is_not_netcode() {
        assert!(probe(&Speech::datagram(40_000, b"\0NETCODE 2.00\0")).is_err());
    }
}
