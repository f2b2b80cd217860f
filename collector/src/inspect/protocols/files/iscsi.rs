//! iSCSI by a login request or response (RFC 7143, sections 11.12 and 11.13) with its text keys.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("iSCSI"),
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 3260;
/// A login request is always immediate.
const LOGIN_REQUEST: u8 = 0x43;
const LOGIN_RESPONSE: u8 = 0x23;
/// What stands behind the data length in a header of 48 bytes.
const REST_OF_HEADER: usize = 40;
const KEYS: &[&[u8]] = &[
    b"InitiatorName=",
    b"InitiatorAlias=",
    b"SessionType=",
    b"TargetName=",
    b"TargetPortalGroupTag=",
    b"TargetAlias=",
    b"AuthMethod=",
    b"HeaderDigest=",
];

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let kind = reader.u8("opcode")?;
    let login = matches!(kind, LOGIN_REQUEST | LOGIN_RESPONSE);
    Reader::require(login, "opcode")?;
    stages(reader.u8("flags")?)?;
    reader.magic(&[0, 0], "version")?;
    Reader::require(reader.u8("additional headers")? == 0, "additional headers")?;
    Reader::require(reader.u24("data length")? <= 0x2000, "data length")?;
    reader.take(REST_OF_HEADER, "header")?;
    if !speech.on_port(PORT) {
        keys(&reader)?;
    }
    Ok(Finding::default())
}

/// Transit, continue, two reserved bits, the current stage and the next.
fn stages(flags: u8) -> Result<(), Fault> {
    let (now, next) = (flags >> 2 & 3, flags & 3);
    Reader::require(flags & 0x30 == 0 && now != 2 && next != 2, "stages")
}

fn keys(reader: &Reader<'_>) -> Result<(), Fault> {
    let mut outcome = Fault::Wrong("keys");
    for key in KEYS {
        match Reader::open(reader.rest()).magic(key, "keys") {
            Err(Fault::Wrong(_)) => {}
            Err(short) => outcome = short,
            Ok(()) => return Ok(()),
        }
    }
    Err(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const REQUEST: &[u8] = b"\x43\x87\0\0\0\0\0\x2c\0\x02\x3d\0\0\0\0\0\0\0\0\x01\0\0\0\0\
        \0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0InitiatorName=iqn.1993-08.org.example:x\0";

    pub(crate) const TALKS: &[Talk] = &[Talk::tcp(
        3260,
        &[
            Opener(REQUEST),
            Responder(
                b"\x23\x87\0\0\0\0\0\x17\0\x02\x3d\0\0\0\0\x01\0\0\0\x01\0\0\0\0\
                \0\0\0\x01\0\0\0\x01\0\0\0\x21\0\0\0\0\0\0\0\0\0\0\0\0TargetPortalGroupTag=1\0",
            ),
        ],
        "iSCSI",
    )];

    #[test]
    fn away_from_the_port_the_keys_have_to_be_there() {
        assert!(probe(&Speech::stream(4000, REQUEST, false)).is_ok());
        let cut = probe(&Speech::stream(4000, &REQUEST[..48], false));
        assert!(cut.is_err_and(|fault| fault == Fault::Short("keys")));
    }

    #[test]
    fn an_impossible_stage_is_not_iscsi() {
        let mut bytes = REQUEST.to_vec();
        bytes[1] = 0x8b;
        assert!(probe(&Speech::stream(3260, &bytes, false)).is_err());
    }
}
