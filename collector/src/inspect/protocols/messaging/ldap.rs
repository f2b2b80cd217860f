//! LDAP over TCP and connectionless LDAP over UDP, by the envelope of a message and the fixed parts
//! of its operation (RFC 4511, section 4.1.1 and 4.2 to 4.14).

use crate::inspect::{
    Label,
    protocols::ber,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("LDAP"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// LDAP, and the global catalogue.
const PORTS: [u16; 2] = [389, 3268];

/// Identifiers of the operations (their `[APPLICATION n]`).
const BIND_REQUEST: u32 = 0x60;
const BIND_RESPONSE: u32 = 0x61;
const UNBIND_REQUEST: u32 = 0x42;
const SEARCH_REQUEST: u32 = 0x63;
const SEARCH_ENTRY: u32 = 0x64;
const SEARCH_DONE: u32 = 0x65;
const EXTENDED_REQUEST: u32 = 0x77;
const EXTENDED_RESPONSE: u32 = 0x78;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let mut message = ber::tagged(&mut reader, ber::SEQUENCE, "message")?;
    ber::number(&mut message, ber::INTEGER, "message id")?;
    let telling = operation(&mut message)?;
    Ok(Finding::certain_if(telling || speech.on_ports(&PORTS)))
}

/// Says whether the operation's fixed parts alone tell that this is LDAP.
fn operation(message: &mut Reader<'_>) -> Result<bool, Fault> {
    let (operation, mut body) = ber::element(message, "operation")?;
    match operation {
        BIND_REQUEST => bind(&mut body).map(|()| true),
        SEARCH_REQUEST => search(&mut body).map(|()| true),
        // Bind, search, modify, add, delete, rename, compare, extended.
        BIND_RESPONSE | SEARCH_DONE | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | EXTENDED_RESPONSE => {
            result(&mut body).map(|()| true)
        }
        SEARCH_ENTRY => {
            ber::tagged(&mut body, ber::OCTET_STRING, "entry's name")?;
            ber::tagged(&mut body, ber::SEQUENCE, "attributes").map(|_| true)
        }
        EXTENDED_REQUEST => {
            let name = ber::tagged(&mut body, 0x80, "request name")?;
            object_id(name).map(|()| true)
        }
        UNBIND_REQUEST => body.end("unbind request").map(|()| false),
        // Modify, add, rename, compare; delete, abandon.
        0x66 | 0x68 | 0x6c | 0x6e | 0x4a | 0x50 => Ok(false),
        _ => Err(Fault::Wrong("operation")),
    }
}

/// Digits and dots.
fn object_id(mut name: Reader<'_>) -> Result<(), Fault> {
    let part = "object id";
    Reader::require(!name.at_end(), part)?;
    while !name.at_end() {
        let byte = name.u8(part)?;
        Reader::require(byte == b'.' || byte.is_ascii_digit(), part)?;
    }
    Ok(())
}

/// Version, name, and a simple or SASL authentication.
fn bind(body: &mut Reader<'_>) -> Result<(), Fault> {
    let version = ber::number(body, ber::INTEGER, "version")?;
    Reader::require(matches!(version, 2 | 3), "version")?;
    ber::tagged(body, ber::OCTET_STRING, "name")?;
    let method = body.u8("authentication")?;
    // The tags beside 0 and 3 are of Microsoft's NTLM binds (MS-ADTS, section 5.1.1.1.3).
    Reader::require(
        matches!(method, 0x80 | 0x89 | 0x8a | 0x8b | 0xa3),
        "authentication",
    )
}

/// Base, scope, and when to follow aliases.
fn search(body: &mut Reader<'_>) -> Result<(), Fault> {
    ber::tagged(body, ber::OCTET_STRING, "base")?;
    let scope = ber::number(body, ber::ENUMERATED, "scope")?;
    let aliases = ber::number(body, ber::ENUMERATED, "aliases")?;
    Reader::require(scope <= 3 && aliases <= 3, "scope and aliases")
}

/// Code, matched name, diagnostic message.
fn result(body: &mut Reader<'_>) -> Result<(), Fault> {
    ber::number(body, ber::ENUMERATED, "result code")?;
    ber::tagged(body, ber::OCTET_STRING, "matched name")?;
    ber::tagged(body, ber::OCTET_STRING, "diagnostic message").map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// An anonymous bind and its result; a ping of a domain controller.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            389,
            &[
                Opener(b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
                Responder(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\0\x04\0\x04\0"),
            ],
            "LDAP",
        ),
        Talk::udp(
            389,
            &[Opener(
                b"\x30\x25\x02\x01\x01\x63\x20\x04\0\x0a\x01\0\x0a\x01\0\x02\x01\0\x02\x01\0\
                \x01\x01\0\x87\x0bobjectclass\x30\0",
            )],
            "LDAP",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn an_operation_that_overruns_its_message_is_not_ldap_however_much_is_here() {
        let message = b"\x30\x84\0\0\0\xc3\x02\x01\x0a\x61\x84\0\0\0\xc3\x0a\x01\0\x04\0\x04\0";
        assert!(matches!(
            probe(&Speech::stream(389, message, false)),
            Err(Fault::Wrong(_))
        ));
    }

    #[test]
    fn the_same_envelope_around_a_version_and_a_community_is_snmp() {
        let snmp = b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c";
        assert!(judge(389, snmp).is_err());
    }

    #[test]
    fn an_unbind_alone_is_ldap_on_its_port_and_likely_elsewhere() {
        let unbind = b"\x30\x05\x02\x01\x02\x42\0";
        assert!(!judge(389, unbind).unwrap().likely);
        assert!(judge(40_000, unbind).unwrap().likely);
    }

    #[test]
    fn an_extended_request_is_named_by_an_object_id() {
        let request = b"\x30\x0d\x02\x01\x01\x77\x08\x80\x061.3.6.";
        assert!(!judge(40_000, request).unwrap().likely);
        let cut = judge(40_000, &request[..12]).unwrap_err();
        assert_eq!(cut, Fault::Short("object id"));
        let text = b"\x30\x0d\x02\x01\x01\x77\x08\x80\x06a.b.c.";
        assert_eq!(judge(389, text).unwrap_err(), Fault::Wrong("object id"));
    }

    #[test]
    fn a_search_of_an_unknown_scope_is_not_ldap() {
        let search = b"\x30\x0e\x02\x01\x01\x63\x09\x04\0\x0a\x01\x07\x0a\x01\0";
        assert_eq!(
            judge(389, search).unwrap_err(),
            Fault::Wrong("scope and aliases")
        );
    }
}
