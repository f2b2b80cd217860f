//! SMB in the session service of NetBIOS (RFC 1002, section 4.3.1) or alone over TCP: version 1
//! (MS-CIFS, section 2.2.3.1) and versions 2 and 3 (MS-SMB2, section 2.2.1). A client that offers
//! both begins with a negotiation of version 1, so the message after it, or the server, decides.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: SMB2,
    transports: &[Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const SMB1: Label = Label {
    master: "NetBIOS",
    app: "SMBv1",
};
const SMB2: Label = Label {
    master: "NetBIOS",
    app: "SMBv23",
};
const NEGOTIATE: u8 = 0x72;

enum Message {
    Negotiation,
    Smb1,
    Smb2,
}

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::open(speech.bytes);
    let decided = match message(&mut reader)? {
        Message::Negotiation if speech.from_opener => message(&mut reader),
        first => Ok(first),
    };
    match decided {
        Ok(Message::Smb2) => Ok(Finding::of(SMB2)),
        Ok(Message::Smb1 | Message::Negotiation) => Ok(Finding::of(SMB1)),
        Err(Fault::Short(_)) if speech.finished => Ok(Finding {
            label: Some(SMB1),
            ..Finding::likely()
        }),
        Err(fault) => Err(fault),
    }
}

fn message(reader: &mut Reader<'_>) -> Result<Message, Fault> {
    Reader::require(reader.u8("message type")? == 0, "message type")?;
    let length = usize::try_from(reader.u24("length")?).unwrap_or(usize::MAX);
    Reader::require(length >= 32, "length")?;
    let mut body = reader.part(length, "message")?;
    match body.u8("protocol")? {
        0xff => {
            body.magic(b"SMB", "protocol")?;
            let negotiates = body.u8("command")? == NEGOTIATE;
            Ok(if negotiates {
                Message::Negotiation
            } else {
                Message::Smb1
            })
        }
        // Plain, encrypted and compressed.
        0xfc..=0xfe => body.magic(b"SMB", "protocol").map(|()| Message::Smb2),
        _ => Err(Fault::Wrong("protocol")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    const NEGOTIATION: &[u8] = b"\0\0\0\x2f\xffSMB\x72\0\0\0\0\x18\x05\xd8\0\0\0\0\0\0\0\0\0\0\0\0\
        \xff\xff\x01\0\xff\xff\x01\0\0\x0c\0\x02NT LM 0.12\0";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            445,
            &[
                Opener(b"\0\0\0\x44\xfeSMB\x40\0\x01\0\0\0\0\0\x05\0\0\x01\0\0\0\0"),
                Responder(b"\0\0\x01\xf0\xfeSMB\x40\0\x01\0\0\0\0\0\x05\0\0\x01\x01\0\0\0"),
            ],
            "NetBIOS.SMBv23",
        ),
        Talk::tcp(
            445,
            &[
                Opener(NEGOTIATION),
                Responder(b"\0\0\0\xcd\xfeSMB\x40\0\x01\0\0\0\0\0"),
                Opener(b"\0\0\x01\x0c\xfeSMB\x40\0\x01\0"),
            ],
            "NetBIOS.SMBv23",
        ),
        Talk::tcp(
            139,
            &[
                Opener(NEGOTIATION),
                Responder(b"\0\0\0\xcd\xffSMB\x72\0\0\0\0\x98\x05\xd8"),
                Opener(b"\0\0\x06\x3c\xffSMB\x73\0\0\0\0\x18\x05\xd8"),
            ],
            "NetBIOS.SMBv1",
        ),
    ];

    #[test]
    fn a_negotiation_alone_is_likely_to_be_version_1() {
        assert!(probe(&Speech::stream(445, NEGOTIATION, false)).is_err());
        let finding = probe(&Speech::stream(445, NEGOTIATION, true));
        assert!(finding.is_ok_and(|finding| finding.likely));
    }

    #[test]
    fn another_session_message_is_not_smb() {
        assert!(probe(&Speech::stream(139, b"\x81\0\0\x44 EJEC", false)).is_err());
        assert!(probe(&Speech::stream(139, b"\0\0\0\x44\xfeSMX", false)).is_err());
    }
}
