//! Tabular Data Stream of SQL Server and Sybase: packet header and pre-login (MS-TDS, section
//! 2.2.3.1 and 2.2.6.5), login of version 7 (2.2.6.4) and of versions 4.2 and 5 (TDS 5.0 Functional
//! Specification, "Login Record"); and the browser of SQL Server's instances (MC-SQLR, section
//! 2.2).

use crate::inspect::{
    Label,
    protocols::text::printable,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MsSQL-TDS"),
    transports: &[Transport::Tcp, Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 2] = [1433, 1434];
const BROWSER: u16 = 1434;
const BATCH: u8 = 0x01;
const LOGIN: u8 = 0x02;
const REMOTE_CALL: u8 = 0x03;
const RESPONSE: u8 = 0x04;
const TRANSACTION: u8 = 0x0e;
const LOGIN_7: u8 = 0x10;
const PRE_LOGIN: u8 = 0x12;

fn probe(speech: &Speech<'_>) -> Verdict {
    if speech.transport == Transport::Udp {
        return browser(speech);
    }
    let mut reader = Reader::open(speech.bytes);
    let kind = reader.u8("packet type")?;
    let known = matches!(kind, BATCH..=RESPONSE | TRANSACTION | LOGIN_7 | PRE_LOGIN);
    Reader::require(known, "packet type")?;
    // End of message, ignore, reset the connection (and its transaction).
    Reader::require(reader.u8("status")? & 0xe4 == 0, "status")?;
    let length = usize::from(reader.u16("length")?);
    Reader::require(length > 16, "length")?;
    reader.u16("server process")?;
    reader.u8("packet number")?;
    reader.magic(b"\0", "window")?;
    match kind {
        BATCH | REMOTE_CALL | TRANSACTION => all_headers(&mut reader)?,
        LOGIN => login(&mut reader)?,
        LOGIN_7 => login_7(&mut reader, length)?,
        PRE_LOGIN => pre_login(&mut reader, length)?,
        _ if reader.rest().first() == Some(&0) => pre_login(&mut reader, length)?,
        _ => {
            token(&mut reader)?;
            return Ok(Finding::certain_if(speech.on_ports(&PORTS)));
        }
    }
    Ok(Finding::default())
}

/// The first option is the version, of six bytes, which stand behind the options.
fn pre_login(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    reader.magic(b"\0", "version option")?;
    let offset = usize::from(reader.u16("offset")?);
    Reader::require(
        offset % 5 == 1 && offset >= 6 && offset + 14 <= length,
        "offset",
    )?;
    reader.magic(b"\0\x06", "length of version")
}

/// Since version 7.2: the length of all headers, and the first, of the transaction that this is in.
fn all_headers(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.magic(&[22, 0, 0, 0, 18, 0, 0, 0, 2, 0], "headers")
}

/// The record's length, which leaves out the packet's header, and the version.
fn login_7(reader: &mut Reader<'_>, length: usize) -> Result<(), Fault> {
    let record = reader.u32_le("record length")?;
    let fits = usize::try_from(record).is_ok_and(|record| record >= length - 8);
    Reader::require(fits && record < 0x2_0000, "record length")?;
    let version = reader.u32_le("version")?;
    Reader::require(matches!(version >> 24, 0x70..=0x74), "version")
}

/// Fields of 30 bytes with the length in use behind each: host, user, password.
fn login(reader: &mut Reader<'_>) -> Result<(), Fault> {
    for part in ["host", "user", "password"] {
        let field = reader.take(30, part)?;
        let used = usize::from(reader.u8(part)?);
        let text = field.get(..used).ok_or(Fault::Wrong(part))?;
        let rest = field.get(used..).unwrap_or_default();
        Reader::require(printable(text) && rest.iter().all(|b| *b == 0), part)?;
    }
    Ok(())
}

/// What answers begin with: environment, information, error, acknowledgement, done.
fn token(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let token = reader.u8("token")?;
    Reader::require(
        matches!(token, 0xe3 | 0xab | 0xaa | 0xad | 0xfd | 0x81 | 0xed),
        "token",
    )
}

/// A list of what the instances are called; or on the port a request for it.
fn browser(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let kind = reader.u8("browser message")?;
    if kind == 5 {
        reader.u16("length")?;
        reader.magic(b"ServerName;", "server name")?;
        return Ok(Finding::default());
    }
    Reader::require(speech.port == BROWSER, "port")?;
    let name = reader.rest();
    let named =
        matches!(name, [text @ .., 0] if !text.is_empty() && text.iter().all(u8::is_ascii_graphic));
    let formed = match kind {
        2 | 3 => name.is_empty(),
        4 => named && name.len() <= 33,
        0x0f => named,
        _ => false,
    };
    Reader::require(formed, "browser message")?;
    Ok(Finding::certain_if(kind == 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// Both sides before the login, a login, and a question for an instance's port.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(
            1433,
            &[
                Opener(
                    b"\x12\x01\0\x2f\0\0\x01\0\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\x03\0\x22\0\x04\
                    \x04\0\x26\0\x01\xff\x09\0\0\0\0\0\0\0\0\0\0\0\0",
                ),
                Responder(
                    b"\x04\x01\0\x2b\0\0\x01\0\0\0\x1a\0\x06\x01\0\x20\0\x01\x02\0\x21\0\x01\x03\0\x22\0\0\
                    \x04\0\x22\0\x01\xff\x0a\x32\x06\x40\0\0\0\0\0",
                ),
            ],
            "MsSQL-TDS",
        ),
        Talk::tcp(
            1433,
            &[Opener(b"\x10\x01\0\x90\0\0\x01\0\x88\0\0\0\x02\0\x09\x72\0\x10\0\0")],
            "MsSQL-TDS",
        ),
        Talk::udp(
            1434,
            &[
                Opener(b"\x04MSSQLSERVER\0"),
                Responder(b"\x05\x20\0ServerName;HOST;InstanceName;SQL;"),
            ],
            "MsSQL-TDS",
        ),
    ];

    fn judge(port: u16, bytes: &[u8]) -> Verdict {
        probe(&Speech::stream(port, bytes, false))
    }

    #[test]
    fn a_login_of_version_5_has_text_in_its_fields() {
        let mut record = b"\x02\0\x02\0\0\0\0\0".to_vec();
        for text in [&b"host"[..], b"user", b"secret"] {
            let mut field = text.to_vec();
            field.resize(30, 0);
            field.push(u8::try_from(text.len()).unwrap());
            record.extend(field);
        }
        assert!(judge(5000, &record).is_ok());
        record[8 + 30] = 3;
        assert_eq!(judge(5000, &record).unwrap_err(), Fault::Wrong("host"));
    }

    #[test]
    fn an_answer_is_certain_on_the_port_only() {
        let answer = b"\x04\x01\0\x20\0\x33\x01\0\xe3\x0b";
        assert!(!judge(1433, answer).unwrap().likely);
        assert!(judge(40_000, answer).unwrap().likely);
    }

    #[test]
    fn a_request_to_the_browser_is_not_sought_elsewhere() {
        assert!(probe(&Speech::datagram(1434, b"\x03")).unwrap().likely);
        assert!(probe(&Speech::datagram(1435, b"\x03")).is_err());
        assert!(probe(&Speech::datagram(1434, b"\x04\0")).is_err());
    }
}
