//! Lustre by the magic numbers of its network layer (LNet, `lnet-idl.h` and `socklnd.h` of Lustre):
//! the request for a connection and the greeting, in either byte order; on its port by the head of
//! a message, with no checksum.

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

const PORT: u16 = 988;
/// Of the acceptor and of the network over TCP.
const MAGIC: [u32; 2] = [0xacce_7100, 0xeebc_0ded];
/// A message without content, and one of the network's.
const MESSAGES: [u32; 2] = [0xc0, 0xc1];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let first = reader.u32_le("magic number")?;
    if MAGIC.contains(&first) || MAGIC.contains(&first.swap_bytes()) {
        return Ok(Finding::default());
    }
    let message = MESSAGES.contains(&first) && speech.on_port(PORT);
    Reader::require(message, "magic number")?;
    Reader::require(reader.u32_le("checksum")? == 0, "checksum")?;
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
    fn a_message_counts_on_the_port_only() {
        let bytes = b"\xc1\0\0\0\0\0\0\0";
        assert!(probe(&Speech::stream(988, bytes, false)).is_ok());
        assert!(probe(&Speech::stream(4000, bytes, false)).is_err());
    }

    #[test]
    fn another_number_is_not_lustre() {
        assert!(probe(&Speech::stream(988, b"\0\x71\xce\xad\x01\0\0\0", false)).is_err());
    }
}
