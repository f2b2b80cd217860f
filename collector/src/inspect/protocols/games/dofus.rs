//! Dofus 1: a server's greeting, the key that the password is to be hidden with. The vendor
//! publishes no description; the rule rests on the greeting's two letters and the form of the key.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Dofus"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    reader.magic(b"HC", "greeting")?;
    let key = reader.rest().get(..32).unwrap_or(reader.rest());
    Reader::require(key.iter().all(u8::is_ascii_lowercase), "key")?;
    reader.take(32, "key")?;
    reader.magic(&[0], "end")?;
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
        5555,
        &[
            Responder(b"HCabcdefghijklmnopqrstuvwxyzabcdef\0"),
            Opener(b"1.29.1\n\0"),
        ],
        "Dofus",
    )];

    #[test]
    fn a_key_is_of_thirty_two_letters() {
        assert!(probe(&Speech::stream(5555, b"HCabcdef\0", false)).is_err());
        assert!(probe(&Speech::stream(5555, b"HC0", false)).is_err());
    }
}
