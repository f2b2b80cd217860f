//! `DNSCrypt` version 2 (draft-denis-dprive-dnscrypt): by the resolver's magic number before an
//! encrypted answer, and by the question for the resolver's certificate, which is a plain one of
//! the DNS. Avast Secure DNS is `DNSCrypt` under a provider's name of its own.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DNScrypt"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const RESOLVER: &[u8] = b"r6fnvWj8";

fn probe(speech: &Speech<'_>) -> Verdict {
    if speech.transport == Transport::Tcp {
        let mut reader = Reader::open(speech.bytes);
        reader.u16("length")?;
        reader.magic(RESOLVER, "magic number")?;
        return Ok(Finding::default());
    }
    if speech.bytes.starts_with(RESOLVER) {
        return Ok(Finding::default());
    }
    certificate(speech.bytes).map(Finding::of)
}

/// Asks for a certificate, so it is not DNS, whose header and question it has.
pub(in crate::inspect::protocols) fn begins(speech: &Speech<'_>) -> bool {
    speech.transport == Transport::Udp && certificate(speech.bytes).is_ok()
}

/// The label of a message of the DNS, over UDP, whose question is for a resolver's certificate:
/// `2.dnscrypt-cert` and the provider's name, or a name that the provider has chosen itself.
fn certificate(message: &[u8]) -> Result<Label, Fault> {
    let mut reader = Reader::whole(message);
    reader.u32("id and flags")?;
    Reader::require(reader.u16("question count")? == 1, "question count")?;
    reader.take(6, "record counts")?;
    reader.magic(b"\x012", "protocol version")?;
    if reader.literal(b"\x0ddnscrypt-cert", "name").is_ok() {
        return Ok(Label::of("DNScrypt"));
    }
    reader.literal(b"\x09securedns\x05avast\x03com\0", "name")?;
    Ok(Label::of("AVASTSecureDNS"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            443,
            &[
                Opener(
                    b"\x7f\x47\x01\0\0\x01\0\0\0\0\0\0\x012\x0ddnscrypt-cert\x07example\x03com\0\
                    \0\x10\0\x01",
                ),
                Responder(
                    b"\x7f\x47\x81\x80\0\x01\0\x01\0\0\0\0\x012\x0ddnscrypt-cert\x07example\x03com\0\
                    \0\x10\0\x01\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x09\x08DNSC\0\x02\0\0",
                ),
            ],
            "DNScrypt",
        ),
        Talk::udp(
            443,
            &[
                Opener(b"\x1b\x3d\xcb\x46\x84\x18\x1a\xae\xca\xd4\xbd\x26"),
                Responder(b"r6fnvWj8\xc6\x2f\xea\x55\xcb\x49\x30\x26"),
            ],
            "DNScrypt",
        ),
        Talk::tcp(
            443,
            &[Responder(b"\0\xf0r6fnvWj8\xc6\x2f\xea\x55\xcb\x49\x30\x26")],
            "DNScrypt",
        ),
        Talk::udp(
            443,
            &[Opener(
                b"\x48\xc4\x01\0\0\x01\0\0\0\0\0\0\x012\x09SeCURednS\x05aVasT\x03CoM\0\0\x10\0\x01",
            )],
            "AVASTSecureDNS",
        ),
    ];

    #[test]
    fn other_names_are_left_to_the_dns() {
        let query = b"\x48\xc4\x01\0\0\x01\0\0\0\0\0\0\x012\x07example\x03com\0\0\x10\0\x01";
        assert!(certificate(query).is_err());
        assert!(probe(&Speech::datagram(53, query)).is_err());
    }
}
