//! XDMCP (X Display Manager Control Protocol, X.Org, version 1): a header of version, opcode and
//! length on its port.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("XDMCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(177), "XDMCP port")?;
    let mut reader = Reader::whole(speech.bytes);
    Reader::require(reader.u16("version")? == 1, "version")?;
    // BroadcastQuery to Alive.
    Reader::require((1..=14).contains(&reader.u16("opcode")?), "opcode")?;
    reader.part16("data")?;
    reader.end("end of message")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A query without authentication names, and the manager's willingness.
    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        177,
        &[
            Opener(b"\0\x01\0\x02\0\x01\0"),
            Responder(b"\0\x01\0\x05\0\x12\0\0\0\x04host\0\x08Willing."),
        ],
        "XDMCP",
    )];

    #[test]
    fn the_length_and_the_port_have_to_fit() {
        assert!(probe(&Speech::datagram(177, b"\0\x01\0\x02\0\x02\0")).is_err());
        assert!(probe(&Speech::datagram(4000, b"\0\x01\0\x02\0\x01\0")).is_err());
    }
}
