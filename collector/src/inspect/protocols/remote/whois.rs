//! Whois (RFC 3912) and DAS: a line of text on their ports, and an answer. No byte of it is fixed,
//! so it is never more than likely.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Whois-DAS"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Whois, and the domain availability service of registries.
const PORTS: &[u16] = &[43, 4343];

fn probe(speech: &Speech<'_>) -> Verdict {
    let asked = speech.from_opener && PORTS.contains(&speech.port);
    Reader::require(asked, "Whois port")?;
    let mut reader = Reader::open(speech.bytes);
    let query = reader.line(256, "query")?;
    Reader::require(!query.is_empty(), "query")?;
    reader.end("end of query")?;
    Ok(Finding::likely())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        43,
        &[
            Opener(b"example.org\r\n"),
            Responder(b"Domain Name: EXAMPLE.ORG\r\n"),
        ],
        "Whois-DAS",
    )];

    #[test]
    fn a_line_elsewhere_is_not_whois() {
        assert!(probe(&Speech::stream(4000, b"example.org\r\n", false)).is_err());
        assert!(probe(&Speech::stream(43, b"\r\n", false)).is_err());
        assert!(probe(&Speech::stream(43, b"a\nb", false)).is_err());
    }
}
