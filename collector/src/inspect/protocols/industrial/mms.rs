//! MMS (ISO 9506), in the first data of a transport connection: a session (ISO 8327) is asked for
//! or accepted, and within it the protocol's object identifier stands.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

use super::tpkt;

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("ISO9506-1-MMS"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// {iso standard 9506 part(2)}, as an element of BER.
const IDENTIFIER: &[u8] = b"\x06\x05\x28\xca\x22\x02";

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut data = tpkt::data(&mut speech.reader())?;
    // CONNECT and ACCEPT.
    Reader::require(matches!(data.u8("session")?, 0x0d | 0x0e), "session")?;
    if data
        .rest()
        .windows(IDENTIFIER.len())
        .any(|part| part == IDENTIFIER)
    {
        return Ok(Finding::default());
    }
    Err(data.short("object identifier"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::reader::Fault;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        102,
        &[
            Opener(
                b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
            ),
            Responder(
                b"\x03\0\0\x16\x11\xd0\0\x01\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\
                    \x01\n",
            ),
            Opener(
                b"\x03\0\0%\x02\xf0\x80\r\x1c\x05\x06\x13\x01\0\x16\x01\x02\x14\x02\0\
                    \x023\x02\0\x014\x02\0\x01\xc1\x08\x06\x05(\xca\"\x02\x01\0",
            ),
        ],
        "ISO9506-1-MMS",
    )];

    #[test]
    fn a_session_of_another_application_is_not_mms() {
        let session = b"\x03\0\0\x10\x02\xf0\x80\x0d\x06\x06\x05\x28\xca\x22\x03\0";
        let judged = probe(&Speech::stream(102, session, false));
        assert_eq!(judged.map(|_| ()), Err(Fault::Wrong("object identifier")));
        let judged = probe(&Speech::stream(102, &session[..15], false));
        assert_eq!(judged.map(|_| ()), Err(Fault::Short("object identifier")));
    }
}
