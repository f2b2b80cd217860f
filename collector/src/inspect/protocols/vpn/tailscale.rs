//! Tailscale by the discovery messages beside its `WireGuard` tunnel (package disco of Tailscale's
//! published sources): a magic number, the sender's key, a nonce, and a sealed box.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Tailscale"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// A tag, a kind and a version.
const SHORTEST_BOX: usize = 18;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    reader.magic("TS💬".as_bytes(), "magic number")?;
    reader.take(32 + 24, "key and nonce")?;
    reader.take(SHORTEST_BOX, "box")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    const PING: &[u8] = b"TS\xf0\x9f\x92\xacabcdefghijklmnopqrstuvwxyz012345\
        abcdefghijklmnopqrstuvwxabcdefghijklmnop\x01\0abcdefghijkl";

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(41_641, &[Opener(PING)], "Tailscale")];

    #[test]
    fn a_message_without_a_box_is_not_tailscale() {
        assert!(probe(&Speech::datagram(41_641, &PING[..70])).is_err());
        assert!(probe(&Speech::datagram(41_641, b"TS")).is_err());
    }
}
