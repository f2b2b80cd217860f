//! DTLS 1.0 to 1.3 (RFC 4347, 6347, 9147) by its records, which fill a datagram, with what
//! [`hello`] and [`certificate`] read in their handshake messages. A message may be in fragments
//! over several datagrams.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    reassembly::Stream,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

use super::{
    certificate,
    hello::{self, CLIENT_HELLO, Carrier, SERVER_HELLO},
    tls::{ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DTLS"),
    transports: &[Transport::Udp],
    both_sides: true,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Application data, a heartbeat (RFC 6520), what bears a connection id (RFC 9146), and the
/// acknowledgement of RFC 9147.
const OTHERS: std::ops::RangeInclusive<u8> = 23..=26;
const LONGEST_RECORD: usize = (1 << 14) + 2048;
/// What is put together of a message, and of how many fragments.
const LONGEST_MESSAGE: usize = 4096;
const MOST_FRAGMENTS: u8 = 32;

struct Record<'a> {
    kind: u8,
    epoch: u16,
    fragment: &'a [u8],
}

/// `datagram` begins with a record.
pub(in crate::inspect::protocols) fn begins(datagram: &[u8]) -> bool {
    record(&mut Reader::whole(datagram)).is_ok()
}

/// The application that a side's certificate names, where its `datagrams` hold one in clear.
pub(in crate::inspect::protocols) fn certified<'a>(
    datagrams: impl Iterator<Item = &'a [u8]>,
) -> Option<&'static str> {
    let mut message = Stream::of_pieces(LONGEST_MESSAGE, MOST_FRAGMENTS);
    let length = put_together(datagrams, certificate::MESSAGE, &mut message)?;
    let holder = certificate::holder(Reader::bounded(message.prefix(), length)).ok()?;
    holder.application
}

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let mut handshake = record(&mut reader)?.is_clear_handshake();
    // Behind it may be records of DTLS 1.3, whose header has another form (RFC 9147, section 4).
    while !matches!(reader.rest(), [] | [0x20..=0x3f, ..]) {
        handshake |= record(&mut reader)?.is_clear_handshake();
    }
    if !handshake {
        return Ok(Finding::default());
    }
    Ok(messages(speech))
}

impl Record<'_> {
    fn is_clear_handshake(&self) -> bool {
        self.kind == HANDSHAKE && self.epoch == 0
    }
}

/// The next record (RFC 6347, section 4.1).
fn record<'a>(reader: &mut Reader<'a>) -> Result<Record<'a>, Fault> {
    let kind = reader.u8("record type")?;
    let known = (CHANGE_CIPHER_SPEC..=*OTHERS.end()).contains(&kind);
    Reader::require(known, "record type")?;
    let version = reader.u16("record version")?;
    let known = hello::known_version(version, Carrier::Datagrams);
    Reader::require(known, "record version")?;
    let epoch = reader.u16("epoch")?;
    // Six bytes, of which no connection comes to use the first two.
    Reader::require(reader.u16("sequence number")? == 0, "sequence number")?;
    reader.u32("sequence number")?;
    let length = usize::from(reader.u16("record length")?);
    Reader::require((1..=LONGEST_RECORD).contains(&length), "record length")?;
    let fragment = reader.take(length, "record")?;
    Reader::require(epoch > 0 || sound(kind, fragment), "record")?;
    Ok(Record {
        kind,
        epoch,
        fragment,
    })
}

/// What a record that is not encrypted holds.
fn sound(kind: u8, fragment: &[u8]) -> bool {
    match kind {
        CHANGE_CIPHER_SPEC => matches!(fragment, [1] | [1, _, _]),
        ALERT => matches!(fragment, [1 | 2, _, ..]),
        HANDSHAKE => fragment_of_message(&mut Reader::whole(fragment)).is_ok(),
        _ => true,
    }
}

struct Fragment<'a> {
    kind: u8,
    length: usize,
    offset: usize,
    bytes: &'a [u8],
}

/// The next fragment of a handshake message (RFC 6347, section 4.2.2).
fn fragment_of_message<'a>(reader: &mut Reader<'a>) -> Result<Fragment<'a>, Fault> {
    let (kind, length) = hello::message_head(reader)?;
    reader.u16("message sequence")?;
    let [offset, here] = [
        reader.u24("fragment offset")?,
        reader.u24("fragment length")?,
    ]
    .map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    Reader::require(offset.saturating_add(here) <= length, "fragment length")?;
    Ok(Fragment {
        kind,
        length,
        offset,
        bytes: reader.take(here, "fragment")?,
    })
}

/// What this side's messages in clear tell so far.
fn messages(speech: &Speech<'_>) -> Finding {
    let mut finding = Finding {
        more: true,
        ..Finding::default()
    };
    let mut server = false;
    for kind in [CLIENT_HELLO, SERVER_HELLO, certificate::MESSAGE] {
        let mut message = Stream::of_pieces(LONGEST_MESSAGE, MOST_FRAGMENTS);
        let Some(length) = put_together(speech.datagrams(), kind, &mut message) else {
            continue;
        };
        let body = Reader::bounded(message.prefix(), length);
        if kind == certificate::MESSAGE {
            add_certificate(body, server, &mut finding);
        } else if let Ok(hello) = hello::read(kind, body, Carrier::Datagrams, false) {
            server = kind == SERVER_HELLO;
            finding = hello;
            finding.more |= server;
        }
    }
    finding
}

fn add_certificate(body: Reader<'_>, server: bool, finding: &mut Finding) {
    let Ok(holder) = certificate::holder(body) else {
        return;
    };
    finding.more = holder.more;
    finding.label = holder.application.map(|app| Label {
        master: "DTLS",
        app,
    });
    if server {
        finding.facts.certificate_host = holder.host;
    }
}

/// Puts the fragments of a side's message of `kind` together; its length, if there are any. A
/// client says hello twice, the second time with a cookie: the longer counts.
fn put_together<'a>(
    datagrams: impl Iterator<Item = &'a [u8]>,
    kind: u8,
    message: &mut Stream,
) -> Option<usize> {
    let mut longest = None;
    for datagram in datagrams {
        each_fragment(datagram, |fragment| {
            if fragment.kind != kind || longest > Some(fragment.length) {
                return;
            }
            if longest.is_some_and(|longest| longest < fragment.length) {
                message.clear();
            }
            longest = Some(fragment.length);
            let offset = i32::try_from(fragment.offset).unwrap_or(i32::MAX);
            message.insert(offset, fragment.bytes);
        });
    }
    longest
}

fn each_fragment<'a>(datagram: &'a [u8], mut each: impl FnMut(Fragment<'a>)) {
    let mut records = Reader::whole(datagram);
    while let Ok(record) = record(&mut records) {
        let clear = record.is_clear_handshake();
        let mut fragments = Reader::whole(if clear { record.fragment } else { &[] });
        while let Ok(fragment) = fragment_of_message(&mut fragments) {
            each(fragment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        Sensitive,
        registry::Heard,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// A client's hello for a.example, without a cookie (RFC 6347, section 4.2.1).
    const CLIENT: &[u8] = b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x4a\
        \x01\0\0\x3e\0\0\0\0\0\0\0\x3e\xfe\xfd\
        \x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\
        \x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x20\
        \0\0\0\x02\xc0\x2b\x01\0\0\x12\0\0\0\x0e\0\x0c\0\0\x09a.example";
    /// The server's request for one.
    const VERIFY: &[u8] = b"\x16\xfe\xff\0\0\0\0\0\0\0\0\0\x13\
        \x03\0\0\x07\0\0\0\0\0\0\0\x07\xfe\xff\x04\x01\x02\x03\x04";
    const DATA: &[u8] =
        b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x05\0\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(4433, &[Opener(CLIENT), Responder(VERIFY)], "DTLS"),
        Talk::udp(4433, &[Opener(DATA)], "DTLS"),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::datagram(4433, bytes))
    }

    fn name(finding: &Finding) -> Option<&str> {
        finding.facts.server_name.as_ref().map(Sensitive::reveal)
    }

    #[test]
    fn a_client_hello_gives_the_name() {
        let finding = judge(CLIENT).unwrap();
        assert_eq!(name(&finding), Some("a.example"));
        assert!(!finding.more);
    }

    /// The bytes of the hello's message from `start` on, `length` of them, as a datagram.
    fn fragment(start: u8, length: u8) -> Vec<u8> {
        let body = &CLIENT[25 + usize::from(start)..][..usize::from(length)];
        let mut datagram = CLIENT[..25].to_vec();
        datagram[12] = length + 12;
        datagram[21] = start;
        datagram[24] = length;
        [&datagram, body].concat()
    }

    #[test]
    fn a_hello_may_be_in_fragments_over_datagrams() {
        let (second, first) = (fragment(40, 22), fragment(0, 40));
        assert!(judge(&second).unwrap().more);
        let speech = Speech {
            earlier: Heard {
                bytes: &second,
                ends: &[u16::try_from(second.len()).unwrap()],
            },
            ..Speech::datagram(4433, &first)
        };
        let finding = probe(&speech).unwrap();
        assert_eq!(name(&finding), Some("a.example"));
    }

    /// A record of one fragment of a handshake message.
    fn handshake(kind: u8, body: &[u8], part: std::ops::Range<usize>) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
        let fragment = [
            &[kind],
            &number(body.len())[1..],
            &[0, 0],
            &number(part.start)[1..],
            &number(part.len())[1..],
            &body[part],
        ]
        .concat();
        let length = &number(fragment.len())[2..];
        [b"\x16\xfe\xfd\0\0\0\0\0\0\0\0", length, &fragment].concat()
    }

    #[test]
    fn a_server_s_certificate_in_fragments_gives_its_host() {
        let mut hello = b"\xfe\xfd".to_vec();
        hello.resize(34, 7);
        hello.extend_from_slice(b"\0\xc0\x2b\0");
        let certificate = certificate::tests::message_for("a.example");
        let first = [
            handshake(SERVER_HELLO, &hello, 0..hello.len()),
            handshake(certificate::MESSAGE, &certificate, 0..50),
        ]
        .concat();
        assert!(judge(&first).unwrap().more);
        let second = handshake(certificate::MESSAGE, &certificate, 50..certificate.len());
        let speech = Speech {
            from_opener: false,
            earlier: Heard {
                bytes: &first,
                ends: &[u16::try_from(first.len()).unwrap()],
            },
            ..Speech::datagram(4433, &second)
        };
        let finding = probe(&speech).unwrap();
        let host = finding.facts.certificate_host.as_ref();
        assert_eq!(host.map(Sensitive::reveal), Some("a.example"));
        assert!(!finding.more);
    }

    #[test]
    fn a_certificate_in_fragments_names_its_application() {
        let certificate = certificate::tests::message_for("NVIDIA GameStream");
        let part = |range| handshake(certificate::MESSAGE, &certificate, range);
        let (first, second) = (part(0..50), part(50..certificate.len()));
        let read = |datagrams: &[&[u8]]| certified(datagrams.iter().copied());
        assert_eq!(read(&[CLIENT, &second, &first]), Some("GeForceNow"));
        assert_eq!(read(&[CLIENT, &second]), None);
        assert_eq!(read(&[CLIENT]), None);
    }

    #[test]
    fn records_that_do_not_fill_the_datagram_or_hold_no_message_are_not_dtls() {
        assert!(judge(&CLIENT[..CLIENT.len() - 1]).is_err());
        let mut version = DATA.to_vec();
        version[2] = 0xfa;
        assert!(judge(&version).is_err());
        let mut fragment = CLIENT.to_vec();
        fragment[21] = 1;
        assert!(judge(&fragment).is_err());
        assert!(judge(&[DATA, b"x"].concat()).is_err());
        assert!(judge(b"\x14\xfe\xfd\0\0\0\0\0\0\0\0\0\x01\x02").is_err());
    }

    #[test]
    fn old_versions_and_further_records_are_dtls() {
        let mut old = DATA.to_vec();
        old[1..3].copy_from_slice(&[1, 0]);
        assert!(judge(&old).is_ok());
        assert!(judge(&[DATA, DATA].concat()).is_ok());
        assert!(judge(&[CLIENT, b"\x2e\x01\x02"].concat()).is_ok());
        assert!(judge(b"\x15\xfe\xfd\0\0\0\0\0\0\0\0\0\x02\x02\x28").is_ok());
    }
}
