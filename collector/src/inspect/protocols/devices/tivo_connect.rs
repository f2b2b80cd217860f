//! TiVo's beacon, with which its recorders find each other (TiVoConnect Automatic Machine Discovery
//! protocol specification, section 2): text, over TCP behind its length.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TiVoConnect"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    const LONGEST: u32 = 4096;
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        let length = reader.u32("length")?;
        Reader::require((1..=LONGEST).contains(&length), "length")?;
    }
    reader.literal(b"tivoconnect=", "beacon")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            2190,
            &[Opener(
                b"TiVoConnect=1\nswversion=9.3\nmethod=broadcast\nidentity=1\n",
            )],
            "TiVoConnect",
        ),
        Talk::tcp(
            2190,
            &[Opener(b"\0\0\0\x1dTiVoConnect=1\nidentity=12345\n")],
            "TiVoConnect",
        ),
    ];

    #[test]
    fn a_beacon_begins_with_its_own_version() {
        assert!(probe(&Speech::datagram(2190, b"swversion=9.3\n")).is_err());
    }
}
