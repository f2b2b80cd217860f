//! TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446) by its hellos, with server name (RFC 6066), ALPN
//! (RFC 7301) and version; in mid-stream by its chain of records.
//!
//! A hello may span segments, which reassembly joins, and records, which [`message`] joins.

use zeroize::Zeroizing;

use crate::inspect::{
    Label, Sensitive, TlsVersion,
    reader::{Fault, Reader},
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

pub(in crate::inspect::protocols) static DISSECTOR: Dissector = Dissector {
    label: Label::of("TLS"),
    transports: &[Transport::Tcp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Ports whose protocol over TLS has a label of its own. The plain ports of mail are here for
/// flows of which the plain beginning, with its STARTTLS, was not seen.
const BY_PORT: &[(u16, Label)] = &[
    (21, Label::of("FTPS")),
    (25, Label::of("SMTPS")),
    (110, Label::of("POPS")),
    (143, Label::of("IMAPS")),
    (465, Label::of("SMTPS")),
    (587, Label::of("SMTPS")),
    (853, DNS_OVER_TLS),
    (989, Label::of("FTPS")),
    (990, Label::of("FTPS")),
    (993, Label::of("IMAPS")),
    (995, Label::of("POPS")),
];

const DNS_OVER_TLS: Label = Label {
    master: "TLS",
    app: "DoH_DoT",
};

/// Protocol identifiers that IANA lists, which are all that may be written.
const ALPN: &[&str] = &[
    "acme-tls/1",
    "c-webrtc",
    "coap",
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

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SERVER_NAME: u16 = 0;
const APPLICATION_LAYER_PROTOCOL_NEGOTIATION: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// Plain and encrypted records (RFC 8446, sections 5.1 and 5.2; RFC 5246, section 6.2.3).
const PLAIN_RECORD: usize = 1 << 14;
const SEALED_RECORD: usize = PLAIN_RECORD + 2048;
/// The most that the fields of a client hello add up to.
const LONGEST_HELLO: u32 = 2 + 32 + 33 + 65_537 + 256 + 65_537;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut finding = match speech.bytes {
        [HANDSHAKE, _, _, _, _, CLIENT_HELLO | SERVER_HELLO, ..] => hello(speech)?,
        _ => records(speech).map(|()| Finding::default())?,
    };
    finding.label = label(speech.port, finding.facts.alpn);
    Ok(finding)
}

fn label(port: u16, alpn: Option<&str>) -> Option<Label> {
    if alpn == Some("dot") {
        return Some(DNS_OVER_TLS);
    }
    let (_, label) = BY_PORT.iter().find(|(listed, _)| *listed == port)?;
    Some(*label)
}

/// The header of a record: its type and its length, of at most `limit` bytes.
fn record_header(reader: &mut Reader<'_>, limit: usize) -> Result<(u8, usize), Fault> {
    let kind = reader.u8("record type")?;
    Reader::require(
        (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind),
        "record type",
    )?;
    Reader::require(reader.u8("record version")? == 3, "record version")?;
    Reader::require(reader.u8("record version")? <= 4, "record version")?;
    let length = usize::from(reader.u16("record length")?);
    Reader::require((1..=limit).contains(&length), "record length")?;
    Ok((kind, length))
}

/// A stream taken up after its hello: an alert, two records in a row, or one that ends where the
/// stream does. The first bytes of a record alone are too few to tell.
fn records(speech: &Speech<'_>) -> Result<(), Fault> {
    let mut reader = Reader::open(speech.bytes);
    let (kind, length) = record_header(&mut reader, SEALED_RECORD)?;
    let first = reader.take(length, "record")?;
    let alert = kind == ALERT && matches!(first, [1 | 2, _]);
    if alert || (speech.finished && reader.rest().is_empty()) {
        return Ok(());
    }
    record_header(&mut reader, SEALED_RECORD).map(|_| ())
}

/// The handshake message at the start of `bytes`, as much of it as is here: its type and its body.
/// A message that spans records is joined in `joined`.
fn message<'a>(bytes: &'a [u8], joined: &'a mut Vec<u8>) -> Result<(u8, Reader<'a>), Fault> {
    let mut reader = Reader::open(join_records(bytes, joined)?);
    let kind = reader.u8("handshake type")?;
    let length = reader.u24("handshake length")?;
    Reader::require((38..=LONGEST_HELLO).contains(&length), "handshake length")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok((kind, reader.part(length, "handshake message")?))
}

/// The fragments of the leading handshake records, joined only where there are several.
fn join_records<'a>(bytes: &'a [u8], joined: &'a mut Vec<u8>) -> Result<&'a [u8], Fault> {
    let mut reader = Reader::open(bytes);
    let (_, length) = record_header(&mut reader, PLAIN_RECORD)?;
    let first = reader.part(length, "record")?.rest();
    if first.len() < length || message_fits(first) {
        return Ok(first);
    }
    // One allocation for the longest outcome, so that growing leaves no copy behind.
    joined.reserve_exact(bytes.len());
    joined.extend_from_slice(first);
    while let Ok((HANDSHAKE, length)) = record_header(&mut reader, PLAIN_RECORD) {
        let Ok(fragment) = reader.part(length, "record") else {
            break;
        };
        joined.extend_from_slice(fragment.rest());
    }
    Ok(joined)
}

fn message_fits(fragment: &[u8]) -> bool {
    let mut reader = Reader::open(fragment);
    let length = reader.u8("type").and_then(|_| reader.u24("length"));
    length.is_ok_and(|length| reader.rest().len() >= usize::try_from(length).unwrap_or(usize::MAX))
}

/// A hello. Its fixed part decides; what is wrong behind that costs only the facts behind it.
fn hello(speech: &Speech<'_>) -> Result<Finding, Fault> {
    let mut joined = Zeroizing::new(Vec::new());
    let (kind, mut body) = message(speech.bytes, &mut joined)?;
    let mut facts = Facts::default();
    let (legacy, read) = match kind {
        CLIENT_HELLO => (
            client_fixed_part(&mut body)?,
            extensions(&mut body, |kind, data| {
                client_extension(&mut facts, kind, data)
            }),
        ),
        SERVER_HELLO => (
            server_fixed_part(&mut body)?,
            extensions(&mut body, |kind, data| {
                server_extension(&mut facts, kind, data)
            }),
        ),
        _ => return Err(Fault::Wrong("handshake type")),
    };
    let more = matches!(read, Err(Fault::Short(_)));
    // Without supported_versions the older field counts, once that is known to be absent.
    if !more || speech.finished {
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

fn legacy_version(body: &mut Reader<'_>) -> Result<u16, Fault> {
    let legacy = body.u16("legacy version")?;
    Reader::require((0x0300..=0x0304).contains(&legacy), "legacy version")?;
    body.take(32, "random")?;
    let session = usize::from(body.u8("session id")?);
    Reader::require(session <= 32, "session id")?;
    body.take(session, "session id")?;
    Ok(legacy)
}

fn client_fixed_part(body: &mut Reader<'_>) -> Result<u16, Fault> {
    let legacy = legacy_version(body)?;
    let suites = usize::from(body.u16("cipher suites")?);
    Reader::require(suites >= 2 && suites.is_multiple_of(2), "cipher suites")?;
    body.take(suites, "cipher suites")?;
    let methods = usize::from(body.u8("compression methods")?);
    let methods = body.take(methods, "compression methods")?;
    Reader::require(methods.contains(&0), "compression methods")?;
    Ok(legacy)
}

fn server_fixed_part(body: &mut Reader<'_>) -> Result<u16, Fault> {
    let legacy = legacy_version(body)?;
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
        SERVER_NAME if !data.at_end() => {
            facts.server_name = server_name(&mut data)?;
        }
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
    let name = list.take(length, "host name")?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let sound = (1..=255).contains(&name.len()) && name.iter().all(plain);
    let text = std::str::from_utf8(name).ok().filter(|_| sound);
    Ok(text.map(|text| Sensitive::new(text.to_ascii_lowercase())))
}

fn first_listed_protocol(data: &mut Reader<'_>) -> Result<Option<&'static str>, Fault> {
    let mut list = data.part16("protocol name list")?;
    let mut found = None;
    while !list.at_end() {
        let length = usize::from(list.u8("protocol name")?);
        let name = list.take(length, "protocol name")?;
        let listed = ALPN.iter().find(|listed| listed.as_bytes() == name);
        found = found.or(listed.copied());
    }
    Ok(found.or(Some("other")))
}

/// `None` for what is no version, such as the values of RFC 8701 that keep servers tolerant.
fn version(number: u16) -> Option<TlsVersion> {
    match number {
        0x0300 => Some(TlsVersion::Ssl30),
        0x0301 => Some(TlsVersion::Tls10),
        0x0302 => Some(TlsVersion::Tls11),
        0x0303 => Some(TlsVersion::Tls12),
        // The drafts of TLS 1.3 (draft-ietf-tls-tls13-28, section 4.2.1.1).
        0x0304 | 0x7f0e..=0x7f1c => Some(TlsVersion::Tls13),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{self, Opener, Responder},
    };

    /// Both sides of `openssl s_client -servername www.example.org -alpn h2,http/1.1` (OpenSSL 3.0)
    /// on loopback, with the version in the name.
    const TLS12_CLIENT: &[u8] = include_bytes!("../../tests/tls12-client.bin");
    const TLS12_SERVER: &[u8] = include_bytes!("../../tests/tls12-server.bin");
    const TLS13_CLIENT: &[u8] = include_bytes!("../../tests/tls13-client.bin");
    const TLS13_SERVER: &[u8] = include_bytes!("../../tests/tls13-server.bin");
    const TLS12: &[Turn] = &[Opener(TLS12_CLIENT), Responder(TLS12_SERVER)];
    const TLS13: &[Turn] = &[Opener(TLS13_CLIENT), Responder(TLS13_SERVER)];

    pub(crate) const TALKS: &[Talk] = &[
        Talk::tcp(443, TLS12, "TLS"),
        Talk::tcp(443, TLS13, "TLS"),
        Talk::tcp(465, TLS13, "SMTPS"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> Option<Finding> {
        judge(port, bytes, false)
    }

    fn judge(port: u16, bytes: &[u8], finished: bool) -> Option<Finding> {
        let speech = Speech::stream(port, bytes, finished);
        probe(&speech).ok()
    }

    /// The first record of `stream` in records of `size` bytes (RFC 5246, section 6.2.1).
    fn in_small_records(stream: &[u8], size: usize) -> Vec<u8> {
        let length = usize::from(u16::from_be_bytes([stream[3], stream[4]]));
        let fragments = stream[5..][..length].chunks(size);
        fragments
            .flat_map(|part| [&[22, 3, 1, 0, u8::try_from(part.len()).unwrap()], part].concat())
            .collect()
    }

    fn name(finding: &Finding) -> Option<&str> {
        finding.facts.server_name.as_ref().map(Sensitive::reveal)
    }

    #[test]
    fn a_client_hello_gives_name_protocol_and_the_highest_version() {
        let finding = certain(443, TLS13_CLIENT).unwrap();
        assert_eq!(name(&finding), Some("www.example.org"));
        assert_eq!(finding.facts.alpn, Some("h2"));
        assert_eq!(finding.facts.offered, Some(TlsVersion::Tls13));
        assert!(!finding.more);
    }

    #[test]
    fn the_server_s_choice_is_the_version_of_the_flow() {
        let version = |turns| Talk::tcp(443, turns, "TLS").inspect().tls_version;
        assert_eq!(version(TLS12), Some(TlsVersion::Tls12));
        assert_eq!(version(TLS13), Some(TlsVersion::Tls13));
        let older = &[Opener(TLS13_CLIENT), Responder(TLS12_SERVER)];
        assert_eq!(version(older), Some(TlsVersion::Tls12));
    }

    #[test]
    fn a_hello_may_span_records() {
        for size in [1, 7, 100] {
            let records = in_small_records(TLS13_CLIENT, size);
            let finding = certain(443, &records).unwrap();
            assert_eq!(name(&finding), Some("www.example.org"), "{size}");
            assert_eq!(finding.facts.offered, Some(TlsVersion::Tls13));
        }
    }

    #[test]
    fn a_cut_hello_is_certain_behind_its_fixed_part_and_wants_more() {
        let fixed = certain(443, &TLS13_CLIENT[..150]).unwrap();
        assert!(fixed.more);
        assert!(certain(443, &TLS13_CLIENT[..60]).is_none());
    }

    #[test]
    fn a_stream_taken_up_later_is_known_by_its_records() {
        let records = b"\x17\x03\x03\0\x03abc\x17\x03\x03\0\x20";
        assert!(certain(443, records).is_some());
        assert!(certain(443, &records[..8]).is_none());
        assert!(judge(443, &records[..8], true).is_some());
        assert!(judge(443, &records[..7], true).is_none());
        assert!(certain(443, b"\x15\x03\x03\0\x02\x02\x28").is_some());
        assert!(certain(443, b"\x17\x03\x03\0\x03abcdefghijk").is_none());
    }

    #[test]
    fn hostile_lengths_cost_the_facts_or_the_label() {
        let fixed = 5 + 4 + 2 + 32;
        let mut session = TLS13_CLIENT.to_vec();
        session[fixed] = 33;
        assert!(certain(443, &session).is_none());

        let mut hello = TLS13_CLIENT.to_vec();
        hello[6..9].copy_from_slice(&[0xff; 3]);
        assert!(certain(443, &hello).is_none());

        let mut record = TLS13_CLIENT.to_vec();
        record[3..5].copy_from_slice(&[0xff; 2]);
        assert!(certain(443, &record).is_none());

        let session = usize::from(TLS13_CLIENT[fixed]);
        let suites = fixed + 1 + session;
        let suites_end = suites + 2 + usize::from(TLS13_CLIENT[suites + 1]);
        let mut extensions = TLS13_CLIENT.to_vec();
        extensions[suites_end + 2..][..2].copy_from_slice(&[0xff; 2]);
        let finding = certain(443, &extensions).unwrap();
        assert!(finding.facts.server_name.is_none() && !finding.more);
    }

    #[test]
    fn ports_and_protocol_names_refine_the_label() {
        let named = |port, alpn| label(port, alpn).map(|label| label.to_string());
        assert_eq!(named(993, None).as_deref(), Some("IMAPS"));
        assert_eq!(named(853, None).as_deref(), Some("TLS.DoH_DoT"));
        assert_eq!(named(8853, Some("dot")).as_deref(), Some("TLS.DoH_DoT"));
        assert_eq!(named(443, Some("h2")), None);
    }
}
