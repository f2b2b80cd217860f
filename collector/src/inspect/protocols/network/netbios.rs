//! NetBIOS over TCP and UDP (RFC 1002): names (section 4.2), sessions (4.3) and datagrams (4.4).
//! Each begins with a name whose every half byte is written as a letter from A to P (RFC 1001,
//! section 14.1), which is proof enough.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NetBIOS"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const DOMAIN: u16 = 53;
const SESSIONS: u16 = 139;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    match (speech.transport, speech.bytes.first()) {
        (Transport::Tcp, _) => session(&mut reader, speech.on_port(SESSIONS))?,
        (Transport::Udp, Some(0x10..=0x16)) if names(&mut reader.clone()).is_err() => {
            return datagram(&mut reader);
        }
        // A name server of the Internet may be asked for such a name: that is DNS.
        (Transport::Udp, _) if speech.on_port(DOMAIN) => return Err(Fault::Wrong("port")),
        (Transport::Udp, _) => names(&mut reader)?,
    }
    Ok(Finding::default())
}

/// A request, or one of the answers, which are short and count on their port only.
fn session(reader: &mut Reader<'_>, on_port: bool) -> Result<(), Fault> {
    const REQUEST: u8 = 0x81;
    const REFUSAL: u8 = 0x83;
    let kind = reader.u8("session packet type")?;
    Reader::require((REQUEST..=0x85).contains(&kind), "session packet type")?;
    Reader::require(on_port || kind == REQUEST, "port")?;
    Reader::require(reader.u8("session flags")? <= 1, "session flags")?;
    let length = reader.u16("session length")?;
    match kind {
        REQUEST => {
            encoded(reader)?;
            encoded(reader)
        }
        REFUSAL => Reader::require(length == 1, "session length"),
        0x84 => Reader::require(length == 6, "session length"),
        _ => Reader::require(length == 0, "session length"),
    }
}

fn names(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const NAME: u16 = 0x20;
    const STATUS: u16 = 0x21;
    reader.take(4, "name service header")?;
    let (questions, answers) = (reader.u16("questions")?, reader.u16("answers")?);
    reader.u32("other counts")?;
    Reader::require(questions == 1 || (questions == 0 && answers > 0), "counts")?;
    encoded(reader)?;
    let kind = reader.u16("type")?;
    Reader::require(matches!(kind, NAME | STATUS | 0x0a), "type")?;
    Reader::require(reader.u16("class")? == 1, "class")
}

/// Names of sender and receiver, and what is sent: commonly SMB.
fn datagram(reader: &mut Reader<'_>) -> Verdict {
    let kind = reader.u8("datagram type")?;
    reader.take(9, "datagram header")?;
    match kind {
        0x10..=0x12 => {
            reader.u32("length and offset")?;
            encoded(reader)?;
            encoded(reader)?;
        }
        0x14..=0x16 => encoded(reader)?,
        _ => return Err(Fault::Wrong("datagram type")),
    }
    let smb = reader.rest().starts_with(b"\xffSMB");
    Ok(Finding {
        label: smb.then_some(Label {
            master: "NetBIOS",
            app: "SMBv1",
        }),
        ..Finding::default()
    })
}

/// A name in its letters, and its scope, which is commonly empty.
fn encoded(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let mut name = reader.part8("name")?;
    for _ in 0..32 {
        let letter = name.u8("name")?;
        Reader::require((b'A'..=b'P').contains(&letter), "name")?;
    }
    name.end("name")?;
    for _ in 0..16 {
        let label = reader.u8("scope")?;
        if label == 0 {
            return Ok(());
        }
        reader.take(usize::from(label), "scope")?;
    }
    Err(Fault::Wrong("scope"))
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
            137,
            &[Opener(
                b" \xa8\x01\x10\0\x01\0\0\0\0\0\0 EFFIEBENFAEMEFCACACACACACACACACA\0\0\
                    \x20\0\x01",
            )],
            "NetBIOS",
        ),
        Talk::udp(
            138,
            &[Opener(
                b"\x11\x02\x0c\0\xc0\0\x02\x01\0\x8a\0d\0\0 EFFIEBENFAEMEFCACACACACACA\
                    CACAAA\0 FHEPFCELEHFCEPFFFACACACACACACABN\0\xffSMB%\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            )],
            "NetBIOS.SMBv1",
        ),
        Talk::tcp(
            139,
            &[
                Opener(
                    b"\x81\0\0D FDEFFCFGEFFCCACACACACACACACACACA\0 EFFIEBENFAEMEFCACACACAC\
                    ACACACAAA\0",
                ),
                Responder(b"\x82\0\0\0"),
            ],
            "NetBIOS",
        ),
    ];

    #[test]
    fn a_name_of_other_letters_is_not_netbios() {
        let Opener(query) = TALKS[0].turns[0] else {
            panic!()
        };
        let mut query = query.to_vec();
        query[20] = b'Q';
        assert!(probe(&Speech::datagram(137, &query)).is_err());
    }

    #[test]
    fn a_session_s_answer_counts_on_its_port_only() {
        let answer = |port| probe(&Speech::stream(port, b"\x82\0\0\0", false)).is_ok();
        assert!(answer(139) && !answer(4_000));
    }
}
