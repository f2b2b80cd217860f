//! MMS (ISO 9506), in the first data of a transport connection: a session (ISO 8327) is asked for
//! or accepted, and within it the protocol's object identifier stands; or, where the flow was taken
//! up in mid-stream, data are transferred on the port of ISO's transport.

use crate::inspect::{
    Label,
    protocols::{ber, tpkt},
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

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
const PORT: u16 = 102;
/// Kinds of session packets.
const CONNECT: u8 = 0x0d;
const ACCEPT: u8 = 0x0e;
const GIVE_TOKENS: u8 = 0x01;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut data = tpkt::data(&mut speech.reader())?;
    match data.u8("session")? {
        CONNECT | ACCEPT => association(&data)?,
        GIVE_TOKENS if speech.on_port(PORT) => transfer(&mut data)?,
        _ => return Err(Fault::Wrong("session")),
    }
    Ok(Finding::default())
}

fn association(data: &Reader<'_>) -> Result<(), Fault> {
    let mut parts = data.rest().windows(IDENTIFIER.len());
    if parts.any(|part| part == IDENTIFIER) {
        return Ok(());
    }
    Err(data.short("object identifier"))
}

/// Tokens are given and data follow, neither with parameters; then the presentation's element of
/// one context (ISO 8823, section 8.4.1), and one of MMS's messages.
fn transfer(data: &mut Reader<'_>) -> Result<(), Fault> {
    data.magic(b"\0\x01\0", "session")?;
    let mut user_data = ber::tagged(data, 0x61, "user data")?;
    let mut list = ber::tagged(&mut user_data, ber::SEQUENCE, "user data")?;
    ber::number(&mut list, ber::INTEGER, "context")?;
    let mut value = ber::tagged(&mut list, 0xa0, "value")?;
    let (message, _) = ber::element(&mut value, "message")?;
    Reader::require((0xa0..=0xad).contains(&message), "message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
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
        ),
        Talk::tcp(
            102,
            &[Responder(
                b"\x03\0\0\x22\x02\xf0\x80\x01\0\x01\0\x61\x15\x30\x13\x02\x01\x03\xa0\x0e\
                    \xa1\x0c\x02\x01\x04\xa2\x07\xa5\x05\xa0\x03\x87\x01\x02",
            )],
            "ISO9506-1-MMS",
        ),
    ];

    #[test]
    fn a_session_of_another_application_is_not_mms() {
        let session = b"\x03\0\0\x10\x02\xf0\x80\x0d\x06\x06\x05\x28\xca\x22\x03\0";
        let judged = probe(&Speech::stream(102, session, false));
        assert_eq!(judged.map(|_| ()), Err(Fault::Wrong("object identifier")));
        let judged = probe(&Speech::stream(102, &session[..15], false));
        assert_eq!(judged.map(|_| ()), Err(Fault::Short("object identifier")));
    }

    #[test]
    fn data_in_mid_stream_count_on_the_port_only() {
        let Responder(data) = TALKS[1].turns[0] else {
            panic!()
        };
        assert!(probe(&Speech::stream(102, data, false)).is_ok());
        assert!(probe(&Speech::stream(103, data, false)).is_err());
    }
}
