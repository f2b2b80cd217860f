//! Zug, a consensus protocol: datagrams begin with a version, the network's name and its number.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
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
    let mut reader = Reader::whole(speech.bytes);
    let answers = reader.u8("direction")?;
    let name: &[u8] = match answers {
        0 => b"zUG\x10",
        1 => b"\x9aUG\x10",
        _ => return Err(Fault::Wrong("direction")),
    };
    reader.magic(name, "name")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        19_000,
        &[
            Opener(b"\0zUG\x10\xae\xa0\x41\0\x6e\xbc\x2a\x68\xb2\x6e\x77"),
            Responder(b"\x01\x9aUG\x10\xb9\x8e\xbf\x01\x88\xb5\xc6\x59\xb9\x72\x1c"),
        ],
        "ZUG",
    )];

    #[test]
    fn each_direction_has_its_own_mark() {
        assert!(probe(&Speech::datagram(19_000, b"\x01zUG\x10\xae")).is_err());
        assert!(probe(&Speech::datagram(19_000, b"\x02zUG\x10\xae")).is_err());
    }
}
