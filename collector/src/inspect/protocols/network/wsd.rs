//! WS-Discovery (OASIS, version 1.1, and the drafts of 2004 and 2005): a SOAP envelope in a
//! datagram that names the discovery's namespace.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("WSD"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const NAMESPACES: [&[u8]; 3] = [
    b"http://schemas.xmlsoap.org/ws/2005/04/discovery",
    b"http://schemas.xmlsoap.org/ws/2004/10/discovery",
    b"http://docs.oasis-open.org/ws-dd/ns/discovery/2009/01",
];
const PORT: u16 = 3702;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    reader.magic(b"<", "document")?;
    let has = |text: &[u8]| {
        speech
            .bytes
            .windows(text.len())
            .any(|window| window == text)
    };
    Reader::require(has(b":Envelope") || has(b"<Envelope"), "envelope")?;
    let named = speech.on_port(PORT) || NAMESPACES.iter().any(|name| has(name));
    Reader::require(named, "namespace")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        3702,
        &[Opener(
            b"<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\
                    \"http://www.w3.org/2003/05/soap-envelope\" xmlns:wsd=\"http://schem\
                    as.xmlsoap.org/ws/2005/04/discovery\"><soap:Header>",
        )],
        "WSD",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn an_envelope_of_another_namespace_counts_on_the_port_only() {
        let envelope = b"<s:Envelope xmlns:s=\"urn:x\"/>";
        assert!(certain(3702, envelope) && !certain(40_000, envelope));
        assert!(!certain(3702, b"<html></html>"));
    }
}
