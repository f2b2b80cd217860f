//! The hellos of TLS (RFC 2246, 4346, 5246, 8446), which DTLS (RFC 6347, 9147) and QUIC (RFC 9001)
//! share: server name (RFC 6066), ALPN (RFC 7301), versions, and the user agent that Google's
//! clients put among QUIC's transport parameters. Where the client's true hello is encrypted (ECH,
//! RFC 9849) the name is the outer one.

use crate::inspect::{
    Sensitive, TlsVersion,
    protocols::text::host_name,
    reader::{Fault, Reader},
    registry::{Facts, Finding, Verdict},
};

pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
/// The most that the fields of a client hello add up to.
const LONGEST_HELLO: u32 = 2 + 32 + 33 + 256 + 65_537 + 256 + 65_537;
const SHORTEST_HELLO: u32 = 38;

/// What carries a hello.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// TLS, or QUIC, whose hellos are those of TLS.
    Stream,
    /// DTLS: versions of its own, and a cookie in the client's hello.
    Datagrams,
}

/// Protocol identifiers that IANA lists, which are all that may be written.
const ALPN: &[&str] = &[
    "acme-tls/1",
    "c-webrtc",
    "coap",
    "dicom",
    "doq",
    "dot",
    "ftp",
    "h2",
    "h3",
    "http/0.9",
    "http/1.0",
    "http/1.1",
    "imap",
    "irc",
    "managesieve",
    "mqtt",
    "nntp",
    "ntske/1",
    "pop3",
    "postgresql",
    "radius/1.0",
    "radius/1.1",
    "sip/2",
    "smb",
    "spdy/1",
    "spdy/2",
    "spdy/3",
    "stun.nat-discovery",
    "stun.turn",
    "sunrpc",
    "tds/8.0",
    "webrtc",
    "xmpp-client",
    "xmpp-server",
];

const SERVER_NAME: u16 = 0;
const APPLICATION_LAYER_PROTOCOL_NEGOTIATION: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
/// RFC 9001, section 8.2, and its number in the drafts.
const TRANSPORT_PARAMETERS: [u16; 2] = [57, 0xffa5];
/// Of Google's clients; the value is text.
const USER_AGENT: u64 = 0x3129;

/// The head of a handshake message: its type, and its length in bytes.
pub(super) fn message_head(reader: &mut Reader<'_>) -> Result<(u8, usize), Fault> {
    let kind = reader.u8("handshake type")?;
    let length = reader.u24("handshake length")?;
    let hello = matches!(kind, CLIENT_HELLO | SERVER_HELLO);
    let sound = (SHORTEST_HELLO..=LONGEST_HELLO).contains(&length);
    Reader::require(!hello || sound, "handshake length")?;
    Ok((kind, usize::try_from(length).unwrap_or(usize::MAX)))
}

/// A hello of type `kind`. Its fixed part decides; what is wrong behind that costs only the facts
/// behind it. `finished` where no more of it will come.
pub(super) fn read(kind: u8, mut body: Reader<'_>, carrier: Carrier, finished: bool) -> Verdict {
    let mut facts = Facts::default();
    let (legacy, read) = match kind {
        CLIENT_HELLO => (
            client_fixed_part(&mut body, carrier)?,
            extensions(&mut body, |kind, data| {
                client_extension(&mut facts, kind, data)
            }),
        ),
        SERVER_HELLO => (
            server_fixed_part(&mut body, carrier)?,
            extensions(&mut body, |kind, data| {
                server_extension(&mut facts, kind, data)
            }),
        ),
        _ => return Err(Fault::Wrong("handshake type")),
    };
    let more = matches!(read, Err(Fault::Short(_)));
    // Without supported_versions the older field counts, once that is known to be absent.
    if !more || finished {
        let field = if kind == CLIENT_HELLO {
            &mut facts.offered
        } else {
            &mut facts.chosen
        };
        *field = field.or(version(legacy));
    }
    Ok(Finding {
        facts,
        more,
        ..Finding::default()
    })
}

/// Whether `number` is a version that a hello of `carrier` may name in its first field.
pub(super) fn known_version(number: u16, carrier: Carrier) -> bool {
    match carrier {
        Carrier::Stream => matches!(number, 0x0300..=0x0304),
        // DTLS 1.0, 1.2 and 1.3, and what OpenSSL spoke before there was a standard.
        Carrier::Datagrams => matches!(number, 0xfeff | 0xfefd | 0xfefc | 0x0100),
    }
}

fn legacy_version(body: &mut Reader<'_>, carrier: Carrier) -> Result<u16, Fault> {
    let legacy = body.u16("legacy version")?;
    Reader::require(known_version(legacy, carrier), "legacy version")?;
    body.take(32, "random")?;
    let session = usize::from(body.u8("session id")?);
    Reader::require(session <= 32, "session id")?;
    body.take(session, "session id")?;
    Ok(legacy)
}

fn client_fixed_part(body: &mut Reader<'_>, carrier: Carrier) -> Result<u16, Fault> {
    let legacy = legacy_version(body, carrier)?;
    if carrier == Carrier::Datagrams {
        let cookie = usize::from(body.u8("cookie")?);
        body.take(cookie, "cookie")?;
    }
    let suites = usize::from(body.u16("cipher suites")?);
    Reader::require(suites >= 2 && suites.is_multiple_of(2), "cipher suites")?;
    body.take(suites, "cipher suites")?;
    let methods = usize::from(body.u8("compression methods")?);
    let methods = body.take(methods, "compression methods")?;
    Reader::require(methods.contains(&0), "compression methods")?;
    Ok(legacy)
}

fn server_fixed_part(body: &mut Reader<'_>, carrier: Carrier) -> Result<u16, Fault> {
    let legacy = legacy_version(body, carrier)?;
    body.u16("cipher suite")?;
    // Null, or DEFLATE (RFC 3749).
    Reader::require(body.u8("compression method")? <= 1, "compression method")?;
    Ok(legacy)
}

/// Hands each extension to `each` until the list ends. A hello may have none (RFC 5246, 7.4.1.2).
fn extensions(
    body: &mut Reader<'_>,
    mut each: impl FnMut(u16, Reader<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if body.at_end() {
        return Ok(());
    }
    let mut list = body.part16("extensions")?;
    while !list.at_end() {
        let kind = list.u16("extension type")?;
        each(kind, list.part16("extension")?)?;
    }
    Ok(())
}

fn client_extension(facts: &mut Facts, kind: u16, mut data: Reader<'_>) -> Result<(), Fault> {
    match kind {
        SERVER_NAME if !data.at_end() => facts.server_name = server_name(&mut data)?,
        APPLICATION_LAYER_PROTOCOL_NEGOTIATION => {
            facts.alpn = first_listed_protocol(&mut data)?;
        }
        SUPPORTED_VERSIONS => {
            let mut list = data.part8("supported versions")?;
            let mut highest = None;
            while !list.at_end() {
                highest = highest.max(version(list.u16("supported version")?));
            }
            facts.offered = highest;
        }
        kind if TRANSPORT_PARAMETERS.contains(&kind) => {
            facts.user_agent = user_agent(data);
            skip(&mut data)?;
        }
        _ => skip(&mut data)?,
    }
    Ok(())
}

fn server_extension(facts: &mut Facts, kind: u16, mut data: Reader<'_>) -> Result<(), Fault> {
    if kind == SUPPORTED_VERSIONS {
        facts.chosen = version(data.u16("selected version")?);
        return Ok(());
    }
    skip(&mut data)
}

/// Short where the extension is not all here.
fn skip(data: &mut Reader<'_>) -> Result<(), Fault> {
    let here = data.rest().len();
    data.take(here, "extension")?;
    if data.at_end() {
        return Ok(());
    }
    Err(Fault::Short("extension"))
}

/// The first host name (RFC 6066, section 3), if it is one.
fn server_name(data: &mut Reader<'_>) -> Result<Option<Sensitive>, Fault> {
    let mut list = data.part16("server name list")?;
    Reader::require(list.u8("name type")? == 0, "name type")?;
    let length = usize::from(list.u16("host name")?);
    Ok(host_name(list.take(length, "host name")?))
}

fn first_listed_protocol(data: &mut Reader<'_>) -> Result<Option<&'static str>, Fault> {
    let mut list = data.part16("protocol name list")?;
    let mut found = None;
    while !list.at_end() {
        let length = usize::from(list.u8("protocol name")?);
        let name = list.take(length, "protocol name")?;
        // A draft of DNS over QUIC adds its number (RFC 9250 in its drafts).
        let name = if name.starts_with(b"doq-") {
            b"doq"
        } else {
            name
        };
        let listed = ALPN.iter().find(|listed| listed.as_bytes() == name);
        found = found.or(listed.copied());
    }
    Ok(found.or(Some("other")))
}

/// Among transport parameters (RFC 9000, section 18). Up to draft 26 their list, its numbers and its
/// lengths were those of TLS.
fn user_agent(mut parameters: Reader<'_>) -> Option<Sensitive> {
    let mut whole = parameters;
    let list = whole.part16("parameters").ok();
    let list = list.filter(|list| whole.at_end() && list.rest().len() > 2);
    let drafted = list.is_some();
    parameters = list.unwrap_or(parameters);
    loop {
        let number = |parameters: &mut Reader<'_>, part| match drafted {
            true => parameters.u16(part).map(u64::from),
            false => parameters.variable(part),
        };
        let id = number(&mut parameters, "parameter id").ok()?;
        let length = number(&mut parameters, "parameter length").ok()?;
        let length = usize::try_from(length).ok()?;
        let value = parameters.take(length, "parameter").ok()?;
        if id == USER_AGENT {
            return text(value);
        }
    }
}

/// `bytes` as text, if all of it is printable.
pub(super) fn text(bytes: &[u8]) -> Option<Sensitive> {
    let plain = |byte: &u8| *byte == b' ' || byte.is_ascii_graphic();
    let sound = !bytes.is_empty() && bytes.iter().all(plain);
    let text = std::str::from_utf8(bytes).ok().filter(|_| sound);
    text.map(Sensitive::new)
}

/// `None` for what is no version of TLS, such as the values of RFC 8701 that keep servers tolerant.
fn version(number: u16) -> Option<TlsVersion> {
    match number {
        0x0300 => Some(TlsVersion::Ssl30),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        // The drafts of TLS 1.3 (draft-ietf-tls-tls13-28, section 4.2.1.1), and Facebook's.
        0x0304 | 0x7f0e..=0x7f1c | 0xfb17 | 0xfb1a => Some(TlsVersion::Tls13),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_is_read_in_either_form_of_the_transport_parameters() {
        let read = |bytes| {
            let agent = user_agent(Reader::whole(bytes));
            agent.map(|agent| agent.reveal().to_owned())
        };
        let standard = b"\x01\x02\x40\x64\x71\x29\x05agent";
        assert_eq!(read(standard).as_deref(), Some("agent"));
        let draft = b"\0\x0f\0\x01\0\x02\x40\x64\x31\x29\0\x05agent";
        assert_eq!(read(draft).as_deref(), Some("agent"));
        assert_eq!(read(b"\x01\x02\x40\x64"), None);
        assert_eq!(read(b"\x71\x29\x05age\0t"), None);
    }

    #[test]
    fn names_that_no_host_has_are_left_out() {
        assert_eq!(host_name(b"A.Example").unwrap().reveal(), "a.example");
        for name in [&b""[..], b"a b", b"a/b", b"\xc3\xa9.example", &[b'a'; 256]] {
            assert!(host_name(name).is_none());
        }
    }

    #[test]
    fn a_draft_of_dns_over_quic_counts_as_it() {
        let read = |bytes| first_listed_protocol(&mut Reader::whole(bytes)).unwrap();
        assert_eq!(read(b"\0\x08\x07doq-i02"), Some("doq"));
        assert_eq!(read(b"\0\x08\x04x-y/\x02h3"), Some("h3"));
        assert_eq!(read(b"\0\x04\x03x-y"), Some("other"));
    }
}
