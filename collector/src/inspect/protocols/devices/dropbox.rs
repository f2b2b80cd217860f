//! Dropbox's discovery of other installations in a local network. The vendor publishes no
//! description; the rule rests on the object in JSON that is sent, by the names of three of its
//! members.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Dropbox"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: usize = 4096;
    let object = speech.bytes;
    let braces = object.first() == Some(&b'{') && object.len() <= LONGEST;
    Reader::require(braces, "object")?;
    for name in [&b"\"host_int\""[..], b"\"version\"", b"\"namespaces\""] {
        let holds = object.windows(name.len()).any(|part| part == name);
        Reader::require(holds, "member")?;
    }
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        17_500,
        &[Opener(
            b"{\"version\": [2, 0], \"port\": 17500, \"host_int\": 12345, \
            \"displayname\": \"\", \"namespaces\": [1, 2]}",
        )],
        "Dropbox",
    )];

    #[test]
    fn another_object_is_not_dropbox_s() {
        let other = b"{\"version\": [2, 0], \"port\": 17500}";
        assert!(probe(&Speech::datagram(17_500, other)).is_err());
    }
}
