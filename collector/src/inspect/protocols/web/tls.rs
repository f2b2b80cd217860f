//! TLS 1.0 to 1.3 (RFC 2246, 4346, 5246, 8446) by its hellos, with what [`hello`] reads in them; up
//! to TLS 1.2 by the certificate too; in the form of [`sslv2`]; in mid-stream by its chain of records.
//!
//! A hello may span segments, which reassembly joins, and records, which [`join_records`] joins.

use zeroize::Zeroizing;

use crate::inspect::{
    Label, TlsVersion,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

use super::{
    certificate,
    hello::{self, CLIENT_HELLO, Carrier, SERVER_HELLO},
    sslv2, tor,
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
    (585, Label::of("IMAPS")),
    (587, Label::of("SMTPS")),
    (853, DNS_OVER_TLS),
    (989, Label::of("FTPS")),
    (990, Label::of("FTPS")),
    (993, Label::of("IMAPS")),
    (995, Label::of("POPS")),
];

/// Application protocols (RFC 7301) whose form over TLS has a label of its own.
const BY_ALPN: &[(&str, Label)] = &[
    ("dot", DNS_OVER_TLS),
    ("ftp", Label::of("FTPS")),
    ("imap", Label::of("IMAPS")),
    ("pop3", Label::of("POPS")),
];

const DNS_OVER_TLS: Label = Label {
    master: "TLS",
    app: "DoH_DoT",
};

const TOR: Label = Label {
    master: "TLS",
    app: "Tor",
};

pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(in crate::inspect::protocols) const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Plain and encrypted records (RFC 8446, sections 5.1 and 5.2; RFC 5246, section 6.2.3).
const PLAIN_RECORD: usize = 1 << 14;
const SEALED_RECORD: usize = PLAIN_RECORD + 2048;

fn probe(speech: &Speech<'_>) -> Verdict {
    let verdict = match speech.bytes {
        [HANDSHAKE, _, _, _, _, CLIENT_HELLO | SERVER_HELLO, ..] => hello(speech),
        [0x80..=0xff, ..] => sslv2::hello(speech.bytes),
        _ => records(speech).map(|()| Finding::default()),
    };
    let mut finding = match verdict {
        // The first record goes on behind all that is ever heard.
        Err(Fault::Short(_)) if speech.finished && begins_record(speech.bytes) => Finding::likely(),
        verdict => verdict?,
    };
    let by_service = label(speech, finding.facts.alpn);
    finding.label = match (finding.label, by_service) {
        (Some(found), Some(service)) => Some(Label {
            master: service.master,
            ..found
        }),
        (found, service) => found.or(service),
    };
    Ok(finding)
}

fn begins_record(bytes: &[u8]) -> bool {
    record_header(&mut Reader::open(bytes), SEALED_RECORD).is_ok()
}

/// What the protocol over TLS has as a label of its own.
fn label(speech: &Speech<'_>, alpn: Option<&str>) -> Option<Label> {
    let by_alpn = BY_ALPN.iter().find(|(listed, _)| Some(*listed) == alpn);
    let by_port = || BY_PORT.iter().find(|(listed, _)| speech.on_port(*listed));
    let label = by_alpn.map(|(_, label)| *label);
    label.or_else(|| by_port().map(|(_, label)| *label))
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

/// A hello that may span records, and the certificate behind it where that may be in clear.
fn hello(speech: &Speech<'_>) -> Verdict {
    let mut joined = Zeroizing::new(Vec::new());
    let mut stream = Reader::open(speech.bytes);
    let mut handshake = join_records(&mut stream, &mut joined)?;
    let (kind, length) = hello::message_head(&mut handshake)?;
    let body = handshake.part(length, "handshake message")?;
    let mut finding = hello::read(kind, body, Carrier::Stream, speech.finished)?;
    if !finding.more && tor::in_client_hello(&finding.facts) {
        finding.label = Some(TOR);
    }
    if !finding.more && certificate_is_clear(&finding) {
        if handshake.rest().is_empty() {
            handshake = stream;
            let next = next_handshake(&mut handshake);
            certificate(next, kind, &mut finding);
        } else {
            certificate(Ok(handshake), kind, &mut finding);
        }
    }
    Ok(finding)
}

/// Up to TLS 1.2. Of a client the certificate matters only where it names no server: few do not,
/// and fewer have a certificate.
fn certificate_is_clear(hello: &Finding) -> bool {
    let facts = &hello.facts;
    let older = |version| version < TlsVersion::Tls13;
    let anonymous = facts.offered.is_some_and(older) && facts.server_name.is_none();
    anonymous || facts.chosen.is_some_and(older)
}

/// The next record's fragment, if it is of a handshake.
fn next_handshake<'a>(stream: &mut Reader<'a>) -> Result<Reader<'a>, Fault> {
    let (kind, length) = record_header(stream, PLAIN_RECORD)?;
    Reader::require(kind == HANDSHAKE, "record type")?;
    stream.part(length, "record")
}

/// Adds what the certificate at the start of `handshake` tells.
fn certificate(handshake: Result<Reader<'_>, Fault>, hello: u8, finding: &mut Finding) {
    let read = handshake.and_then(|mut handshake| {
        let (kind, length) = hello::message_head(&mut handshake)?;
        Reader::require(kind == certificate::MESSAGE, "handshake type")?;
        certificate::holder(handshake.part(length, "certificate message")?)
    });
    match read {
        Ok(holder) => {
            finding.more = holder.more;
            let application = holder.application.map(|app| Label { master: "TLS", app });
            finding.label = application.or(finding.label);
            if hello == SERVER_HELLO {
                finding.facts.certificate_host = holder.host;
            }
        }
        Err(Fault::Short(_)) => finding.more = true,
        Err(Fault::Wrong(_)) => {}
    }
}

/// The fragment of the leading handshake record; where its message goes on in the records behind
/// it, the fragments of all that are here, joined in `joined`.
fn join_records<'a>(stream: &mut Reader<'a>, joined: &'a mut Vec<u8>) -> Result<Reader<'a>, Fault> {
    let (_, length) = record_header(stream, PLAIN_RECORD)?;
    let first = stream.part(length, "record")?;
    if first.rest().len() < length || message_fits(first.rest()) {
        return Ok(Reader::open(first.rest()));
    }
    // One allocation for the longest outcome, so that growing leaves no copy behind.
    joined.reserve_exact(length + stream.rest().len());
    joined.extend_from_slice(first.rest());
    let mut ahead = *stream;
    while let Ok(fragment) = next_handshake(&mut ahead) {
        joined.extend_from_slice(fragment.rest());
        *stream = ahead;
    }
    Ok(Reader::open(joined))
}

fn message_fits(fragment: &[u8]) -> bool {
    let mut reader = Reader::open(fragment);
    let length = reader.u8("type").and_then(|_| reader.u24("length"));
    length.is_ok_and(|length| reader.rest().len() >= usize::try_from(length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        Sensitive,
        tests::{
            Talk,
            Turn::{self, Opener, Responder},
        },
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
        Talk::tcp(443, sslv2::tests::TURNS, "TLS"),
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
        assert!(!judge(443, &records[..8], true).unwrap().likely);
        assert!(judge(443, &records[..7], true).unwrap().likely);
        assert!(judge(443, &records[..4], true).is_none());
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
    fn up_to_tls_1_2_the_certificate_gives_its_host() {
        let host = |bytes: &[u8]| {
            let finding = certain(443, bytes).unwrap();
            let host = finding.facts.certificate_host;
            (host.map(|host| host.reveal().to_owned()), finding.more)
        };
        let expected = (Some("example.org".to_owned()), false);
        assert_eq!(host(TLS12_SERVER), expected);
        assert_eq!(host(TLS13_SERVER), (None, false));
        let length = usize::from(u16::from_be_bytes([TLS12_SERVER[3], TLS12_SERVER[4]]));
        assert_eq!(host(&TLS12_SERVER[..5 + length]), (None, true));

        let small = in_small_records(TLS12_SERVER, 30);
        let rest = &TLS12_SERVER[5 + length..];
        assert_eq!(host(&[&small, rest].concat()), expected);
    }

    #[test]
    fn a_resumed_session_has_no_certificate_to_await() {
        let length = usize::from(u16::from_be_bytes([TLS12_SERVER[3], TLS12_SERVER[4]]));
        let resumed = [&TLS12_SERVER[..5 + length], b"\x14\x03\x03\0\x01\x01"].concat();
        let finding = certain(443, &resumed).unwrap();
        assert!(finding.facts.certificate_host.is_none() && !finding.more);
    }

    #[test]
    fn ports_and_protocol_names_refine_the_label() {
        let named = |port, alpn| {
            let label = label(&Speech::stream(port, b"", false), alpn);
            label.map(|label| label.to_string())
        };
        assert_eq!(named(993, None).as_deref(), Some("IMAPS"));
        assert_eq!(named(853, None).as_deref(), Some("TLS.DoH_DoT"));
        assert_eq!(named(8853, Some("dot")).as_deref(), Some("TLS.DoH_DoT"));
        assert_eq!(named(443, Some("h2")), None);
    }
}
