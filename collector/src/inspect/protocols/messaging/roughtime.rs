//! Roughtime (IETF draft-ietf-ntp-roughtime, section 5; Google's protocol before it has no packet
//! header): tags in ascending order with the offsets of their values, the least significant byte
//! first.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Roughtime"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const MAGIC: &[u8] = b"ROUGHTIM";
/// One of these is in every request and every response.
const TELLING: [&[u8]; 4] = [b"NONC", b"SREP", b"CERT", b"PATH"];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    if speech.transport == Transport::Tcp || speech.bytes.starts_with(MAGIC) {
        reader.magic(MAGIC, "magic")?;
        return Ok(Finding::default());
    }
    let mut reader = Reader::whole(speech.bytes);
    let count = reader.u32_le("count of tags")?;
    Reader::require((1..=16).contains(&count), "count of tags")?;
    offsets(&mut reader, count - 1)?;
    let mut telling = false;
    for _ in 0..count {
        let tag = reader.take(4, "tag")?;
        let letters = tag
            .iter()
            .all(|b| *b == 0 || *b == 0xff || b.is_ascii_uppercase());
        Reader::require(letters, "tag")?;
        telling |= TELLING.contains(&tag);
    }
    Reader::require(telling, "tags")?;
    Ok(Finding::default())
}

/// Multiples of four that ascend, within a datagram.
fn offsets(reader: &mut Reader<'_>, count: u32) -> Result<(), Fault> {
    let mut last = 0;
    for _ in 0..count {
        let offset = reader.u32_le("offset")?;
        let ascends = offset >= last && offset % 4 == 0 && offset < 0x1_0000;
        Reader::require(ascends, "offset")?;
        last = offset;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// A client asks for the time, in Google's form and in the draft's.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            2002,
            &[Opener(
                b"\x02\0\0\0\x40\0\0\0NONCPAD\xff0123456789abcdef0123456789abcdef",
            )],
            "Roughtime",
        ),
        Talk::udp(
            2002,
            &[Opener(b"ROUGHTIM\xf4\x03\0\0\x02\0\0\0\x20\0\0\0NONCZZZZ")],
            "Roughtime",
        ),
    ];

    #[test]
    fn offsets_that_descend_and_tags_of_other_letters_are_not_roughtime() {
        for (bytes, part) in [
            (&b"\x03\0\0\0\x40\0\0\0\x20\0\0\0NONC"[..], "offset"),
            (b"\x01\0\0\0nonc", "tag"),
            (b"\x01\0\0\0NOPE", "tags"),
            (b"\x11\0\0\0", "count of tags"),
        ] {
            let judged = probe(&Speech::datagram(2002, bytes));
            assert_eq!(judged.unwrap_err(), Fault::Wrong(part));
        }
    }
}
