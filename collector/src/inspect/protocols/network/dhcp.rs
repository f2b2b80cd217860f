//! DHCP (RFC 2131, section 2) by its magic cookie, which BOOTP's vendor extensions (RFC 1497)
//! share.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DHCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Before the cookie: fixed fields, addresses, and the names of server and file.
const FIXED: usize = 232;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let operation = reader.u8("operation")?;
    Reader::require(matches!(operation, 1 | 2), "operation")?;
    reader.u8("hardware type")?;
    Reader::require(reader.u8("address length")? <= 16, "address length")?;
    reader.u8("hops")?;
    reader.take(FIXED, "fields")?;
    reader.magic(b"\x63\x82\x53\x63", "cookie")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        67,
        &[
            Opener(
                b"\x01\x01\x06\09\x03\xf3&\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \x0b\x82\x01\xfcB\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0c\x82Sc5\x01\x01\xff",
            ),
            Responder(
                b"\x02\x01\x06\09\x03\xf3&\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \x0b\x82\x01\xfcB\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0c\x82Sc5\x01\x01\xff",
            ),
        ],
        "DHCP",
    )];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn without_its_cookie_it_is_not_dhcp() {
        let mut bytes = vec![0; 300];
        bytes[0] = 1;
        assert!(!certain(67, &bytes));
        bytes[236..240].copy_from_slice(b"\x63\x82\x53\x63");
        assert!(certain(67, &bytes));
        bytes[0] = 3;
        assert!(!certain(67, &bytes));
    }
}
