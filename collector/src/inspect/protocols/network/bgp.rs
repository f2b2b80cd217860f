//! BGP (RFC 4271, section 4.1): a marker of sixteen bytes, all ones.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("BGP"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// With its header.
const SHORTEST: u16 = 19;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(&[0xff; 16], "marker")?;
    Reader::require(reader.u16("length")? >= SHORTEST, "length")?;
    let kind = reader.u8("message type")?;
    Reader::require((1..=5).contains(&kind), "message type")?;
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
        179,
        &[
            Opener(
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\
                    \x1d\x01\x04\xfd\xe8\0\xb4\xc0\0\x02\x01\0",
            ),
            Responder(
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\
                    \x13\x04",
            ),
        ],
        "BGP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::stream(port, bytes, false)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn the_marker_alone_is_not_bgp() {
        assert!(!certain(179, &[0xff; 19]));
        let mut keepalive = [0xff; 19];
        keepalive[16..].copy_from_slice(b"\0\x13\x04");
        assert!(certain(1_790, &keepalive));
        keepalive[17] = 18;
        assert!(!certain(179, &keepalive));
    }
}
