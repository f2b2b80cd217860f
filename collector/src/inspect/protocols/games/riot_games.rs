//! Riot Games: the probes that its clients measure the way to its servers with, and the handshake
//! of League of Legends, whose transport descends from ENet 1.2. The vendor publishes no
//! description; the rules rest on the lengths of both and on their fixed bytes.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("RiotGames"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes.len() {
        36 => measured(speech.bytes)?,
        53 => handshake(speech.bytes)?,
        _ => return Err(Fault::Wrong("length")),
    }
    Ok(Finding::default())
}

fn measured(bytes: &[u8]) -> Result<(), Fault> {
    let mark = b"\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb";
    Reader::require(bytes.ends_with(mark), "end of probe")
}

/// Both ends' numbers, and a connection that has said nothing yet.
fn handshake(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    let ends = reader.u64("numbers")?;
    Reader::require(ends != 0, "numbers")?;
    reader.magic(&[1], "version")?;
    reader.magic(&[0; 27], "state")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            8181,
            &[Opener(
                b"\x73\x74\xf6\x0c\x72\x32\x42\x04\xab\x59\x7f\x81\x1f\xcc\0\x87\x6b\xbc\0\0\
                \x16\xe3\x7c\x40\x14\0\0\0\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb",
            )],
            "RiotGames",
        ),
        Talk::udp(
            7194,
            &[Opener(
                b"\xa4\x9f\x9c\x31\xa0\x32\x42\x04\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                \0\0\0\0\x98\xb9\x9e\xeb\xc2\xe0\x12\xd8\x95\x3c\xb1\x1f\x2d\xea\x23\x46\x0c",
            )],
            "RiotGames",
        ),
    ];

    #[test]
    fn a_probe_of_another_length_is_not_riot_s() {
        assert!(probe(&Speech::datagram(8181, b"\xaa\xaa\xaa\xaa\xbb\xbb\xbb\xbb")).is_err());
        assert!(probe(&Speech::datagram(7194, &[0; 53])).is_err());
        assert!(probe(&Speech::datagram(8181, &[0xaa; 36])).is_err());
    }
}
