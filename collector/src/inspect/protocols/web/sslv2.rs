//! SSL 2.0 by its hellos ("The SSL Protocol", Hickman 1995), and the client's in that form that
//! offers SSL 3.0 or TLS (RFC 5246, appendix E.2). Neither names a server.

use crate::inspect::{
    TlsVersion,
    reader::{Fault, Reader},
    registry::{Facts, Finding, Verdict},
};

/// A record's header of two bytes: the bit, and a length of 15 bits.
const SHORT_HEADER: u16 = 0x8000;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 4;
const SSL_2: u16 = 0x0002;
const X509: u8 = 1;

/// The hello at the start of a stream.
pub(super) fn hello(bytes: &[u8]) -> Verdict {
    let mut reader = Reader::open(bytes);
    let header = reader.u16("record header")?;
    Reader::require(header & SHORT_HEADER != 0, "record header")?;
    let length = header & !SHORT_HEADER;
    let facts = match reader.u8("message type")? {
        CLIENT_HELLO => client_hello(&mut reader, length)?,
        SERVER_HELLO => server_hello(&mut reader, length)?,
        _ => return Err(Fault::Wrong("message type")),
    };
    Ok(Finding {
        facts,
        ..Finding::default()
    })
}

/// The lengths of the parts add up to the record's.
fn client_hello(reader: &mut Reader<'_>, length: u16) -> Result<Facts, Fault> {
    let version = reader.u16("version")?;
    let offered = match version {
        0x0300 => Some(TlsVersion::Ssl30),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        _ => None,
    };
    Reader::require(version == SSL_2 || offered.is_some(), "version")?;
    let ciphers = reader.u16("cipher specs")?;
    let session = reader.u16("session id")?;
    let challenge = reader.u16("challenge")?;
    Reader::require(ciphers >= 3 && ciphers.is_multiple_of(3), "cipher specs")?;
    Reader::require(matches!(session, 0 | 16), "session id")?;
    Reader::require((16..=32).contains(&challenge), "challenge")?;
    let parts = [9, ciphers, session, challenge];
    sums_up(&parts, length)?;
    Ok(Facts {
        offered,
        ..Facts::default()
    })
}

fn server_hello(reader: &mut Reader<'_>, length: u16) -> Result<Facts, Fault> {
    Reader::require(reader.u8("session id hit")? <= 1, "session id hit")?;
    Reader::require(reader.u8("certificate type")? <= X509, "certificate type")?;
    Reader::require(reader.u16("version")? == SSL_2, "version")?;
    let certificate = reader.u16("certificate")?;
    let ciphers = reader.u16("cipher specs")?;
    let connection = reader.u16("connection id")?;
    Reader::require(ciphers.is_multiple_of(3), "cipher specs")?;
    Reader::require((16..=32).contains(&connection), "connection id")?;
    sums_up(&[11, certificate, ciphers, connection], length)?;
    Ok(Facts::default())
}

fn sums_up(parts: &[u16], length: u16) -> Result<(), Fault> {
    let sum: u32 = parts.iter().map(|part| u32::from(*part)).sum();
    Reader::require(sum == u32::from(length), "record length")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::inspect::tests::Turn::{self, Opener, Responder};

    const CLIENT: &[u8] = b"\x80\x2e\x01\x03\x01\0\x15\0\0\0\x10\
        \0\0\x39\0\0\x38\0\0\x35\x07\0\xc0\0\0\x16\0\0\x13\x01\0\x80\
        \x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
    const SERVER: &[u8] = b"\x80\x22\x04\0\x01\0\x02\0\x04\0\x03\0\x10\x30\x02\x05\0\x07\0\xc0\
        \x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f";

    pub(in super::super) const TURNS: &[Turn] = &[Opener(CLIENT), Responder(SERVER)];

    #[test]
    fn a_hello_of_either_side_is_known_behind_its_lengths() {
        assert_eq!(
            hello(CLIENT).unwrap().facts.offered,
            Some(TlsVersion::Tls10)
        );
        assert!(hello(&CLIENT[..11]).is_ok());
        assert!(matches!(hello(&CLIENT[..10]), Err(Fault::Short(_))));
        assert!(hello(SERVER).is_ok());
    }

    #[test]
    fn lengths_that_do_not_add_up_are_wrong() {
        for at in [1, 3, 6, 8, 10] {
            let mut bytes = CLIENT.to_vec();
            bytes[at] ^= 4;
            assert!(matches!(hello(&bytes), Err(Fault::Wrong(_))), "{at}");
        }
        let mut bytes = SERVER.to_vec();
        bytes[8] += 1;
        assert!(matches!(hello(&bytes), Err(Fault::Wrong(_))));
    }
}
