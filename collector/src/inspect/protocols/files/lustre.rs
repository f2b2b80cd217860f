//! Lustre by the magic numbers of its network layer (LNet, `lnet-idl.h` of Lustre): the request for
//! a connection and the greeting, in either byte order.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Lustre"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of the acceptor, of TCP and of any network.
const MAGIC: [u32; 3] = [0xacce_7100, 0xeebc_0ded, 0x4572_6963];

fn probe(speech: &Speech<'_>) -> Verdict {
    let magic = Reader::open(speech.bytes).u32("magic number")?;
    let known = MAGIC.contains(&magic) || MAGIC.contains(&magic.swap_bytes());
    Reader::require(known, "magic number")?;
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
        988,
        &[
            Opener(b"\0\x71\xce\xac\x01\0\0\0\x0a\0\0\x0a\0\0\x02\0"),
            Responder(b"\xed\x0d\xbc\xee\x01\0\0\0"),
        ],
        "Lustre",
    )];

    #[test]
    fn another_number_is_not_lustre() {
        assert!(probe(&Speech::stream(988, b"\0\x71\xce\xad\x01\0\0\0", false)).is_err());
    }
}
