//! DNS over UDP and TCP (RFC 1035), and its relatives on their ports: multicast DNS (RFC 6762) and
//! link-local name resolution (RFC 4795).
//!
//! There is no magic number, so on the ports of DNS the header and the first question must be
//! sound, and elsewhere every question and record, up to the message's last byte.

use zeroize::Zeroizing;

use crate::inspect::{
    Label, Sensitive,
    protocols::vpn::dnscrypt,
    reader::{Fault, Reader},
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("DNS"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const DOMAIN: u16 = 53;
const MULTICAST: u16 = 5353;
const LINK_LOCAL: u16 = 5355;
/// Shares the header (RFC 1002, section 4.2.1.1) and is another protocol.
const NETBIOS_NAMES: u16 = 137;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(!dnscrypt::begins(speech), "question of DNS itself")?;
    let neighbours = speech.on_port(NETBIOS_NAMES) && !speech.on_port(DOMAIN);
    Reader::require(!neighbours, "DNS port")?;
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp {
        // A length comes first (RFC 1035, section 4.2.2).
        reader = reader.part16("message")?;
    }
    let usual = speech.on_ports(&[DOMAIN, MULTICAST, LINK_LOCAL]);
    let name = message(reader, usual)?;
    let label = relative(speech);
    // The name that is asked for says what the query serves; the neighbours' names say nothing.
    let server_name = name.filter(|_| label.is_none()).and_then(host);
    Ok(Finding {
        label,
        // A query stays a matter of the network, whatever it serves.
        category: Some("Network"),
        facts: Facts {
            server_name,
            ..Facts::default()
        },
        ..Finding::default()
    })
}

fn relative(speech: &Speech<'_>) -> Option<Label> {
    if speech.on_port(DOMAIN) {
        // A client may take any port for its own.
        None
    } else if speech.on_port(MULTICAST) {
        Some(Label::of("MDNS"))
    } else if speech.on_port(LINK_LOCAL) {
        Some(Label::of("LLMNR"))
    } else {
        None
    }
}

/// The labels of `name`, as it is on the wire, with dots between them, if they are a host's.
fn host(name: &[u8]) -> Option<Sensitive> {
    // As long as it can get: growing would leave copies behind that nobody zeroes.
    let mut text = Zeroizing::new(String::with_capacity(name.len()));
    let mut reader = Reader::whole(name);
    loop {
        let mut label = reader.part8("label").ok()?;
        let label = label.take(label.rest().len(), "label").ok()?;
        if label.is_empty() {
            break;
        }
        // An asterisk is a wildcard's label (RFC 4592, section 2.1.1).
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_*".contains(byte);
        let label = label.iter().all(plain).then_some(label)?;
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(std::str::from_utf8(label).ok()?);
    }
    text.make_ascii_lowercase();
    let named = !text.is_empty();
    named.then(|| Sensitive::new(std::mem::take(&mut *text)))
}

struct Header {
    response: bool,
    opcode: u16,
    failed: bool,
    questions: u16,
    /// Answers, authorities, additional records.
    records: [u16; 3],
}

/// Opcodes (RFC 6895, section 2.2).
const QUERY: u16 = 0;
const STATUS: u16 = 2;
const NOTIFY: u16 = 4;
const STATEFUL: u16 = 6;

/// The name of the first question or record. At the `usual` ports no more is read than that, where
/// there is one.
fn message(mut reader: Reader<'_>, usual: bool) -> Result<Option<&[u8]>, Fault> {
    let header = header(&mut reader)?;
    plausible(&header)?;
    let [answers, ..] = header.records;
    let mut first = None;
    if header.questions > 0 || answers > 0 {
        first = Some(owner(&mut Reader::clone(&reader))?);
    }
    if usual && first.is_some() {
        return Ok(first);
    }
    // Without a name there is a header alone, too little to be known by elsewhere.
    Reader::require(usual || first.is_some(), "counts")?;
    for _ in 0..header.questions {
        owner(&mut reader)?;
    }
    for _ in 0..header.records.iter().copied().map(u32::from).sum::<u32>() {
        record(&mut reader)?;
    }
    if reader.at_end() {
        return Ok(first);
    }
    Err(match reader.rest() {
        [] => Fault::Short("message"),
        _ => Fault::Wrong("end of message"),
    })
}

fn header(reader: &mut Reader<'_>) -> Result<Header, Fault> {
    reader.u16("id")?;
    let flags = reader.u16("flags")?;
    // Neither AD (0x20) nor CD (0x10) is reserved any more (RFC 4035, section 3.1.6 and 3.2).
    Reader::require(flags & 0x0040 == 0, "reserved bit")?;
    Ok(Header {
        response: flags & 0x8000 != 0,
        opcode: flags >> 11 & 0xf,
        failed: flags & 0xf != 0,
        questions: reader.u16("question count")?,
        records: [
            reader.u16("answer count")?,
            reader.u16("authority count")?,
            reader.u16("additional count")?,
        ],
    })
}

fn plausible(header: &Header) -> Result<(), Fault> {
    let opcode = header.opcode <= STATUS || (NOTIFY..=STATEFUL).contains(&header.opcode);
    Reader::require(opcode, "opcode")?;
    Reader::require(
        header.response || !header.failed,
        "response code of a query",
    )?;
    let [answers, _, _] = header.records;
    let asks = header.questions >= 1 || answers >= 1 || header.opcode == STATEFUL;
    // A server that could not read the query may repeat none of it.
    let refuses = header.response && header.failed;
    Reader::require(asks || refuses || header.opcode != QUERY, "counts")?;
    // Whoever asks several questions at once is multicast DNS, which has few of them.
    Reader::require(header.questions <= 64, "question count")
}

/// What a question and a record begin with: name, type and class. It gives the name.
fn owner<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    // OPT keeps a size in the place of the class (RFC 6891, section 6.1.2).
    const OPT: u16 = 41;
    let before = reader.rest();
    name(reader)?;
    let name = before.get(..before.len() - reader.rest().len());
    let kind = reader.u16("type")?;
    Reader::require(kind != 0, "type")?;
    let class = reader.u16("class")?;
    // IN, CH, HS, NONE, ANY; the top bit has a meaning in multicast DNS.
    let known = matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255);
    Reader::require(known || kind == OPT, "class")?;
    Ok(name.unwrap_or_default())
}

fn record(reader: &mut Reader<'_>) -> Result<(), Fault> {
    owner(reader)?;
    reader.u32("time to live")?;
    let length = usize::from(reader.u16("data length")?);
    reader.take(length, "data").map(|_| ())
}

/// Labels up to the root or to a pointer (RFC 1035, section 4.1.4), which is not followed.
fn name(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let mut length = 0;
    while length <= 255 {
        match reader.u8("name")? {
            0 => return Ok(()),
            label @ 1..=63 => {
                reader.take(usize::from(label), "label")?;
                length += usize::from(label) + 1;
            }
            0xc0..=0xff => return reader.u8("pointer").map(|_| ()),
            _ => return Err(Fault::Wrong("label")),
        }
    }
    Err(Fault::Wrong("name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    /// A query for the addresses of `example.org`, with EDNS, and its answer; the same over TCP.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            53,
            &[
                Opener(
                    b"\x1a\x2b\x01\x20\0\x01\0\0\0\0\0\x01\x07example\x03org\0\0\x01\0\x01\
                    \0\0\x29\x04\xd0\0\0\0\0\0\0",
                ),
                Responder(
                    b"\x1a\x2b\x81\x80\0\x01\0\x01\0\0\0\x01\x07example\x03org\0\0\x01\0\x01\
                    \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x01\0\0\x29\x04\xd0\
                    \0\0\0\0\0\0",
                ),
            ],
            "DNS",
        ),
        Talk::tcp(
            53,
            &[
                Opener(b"\0\x1d\x1a\x2b\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01"),
                Responder(
                    b"\0\x2d\x1a\x2b\x81\x80\0\x01\0\x01\0\0\0\0\x07example\x03org\0\0\x01\0\x01\
                    \xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\xc0\0\x02\x01",
                ),
            ],
            "DNS",
        ),
    ];

    /// A query for the address of `example.org`.
    const QUERY: &[u8] = b"\x1a\x2b\x01\0\0\x01\0\0\0\0\0\0\x07example\x03org\0\0\x01\0\x01";

    fn judge(port: u16, bytes: &[u8]) -> Result<(), Fault> {
        probe(&Speech::datagram(port, bytes)).map(|_| ())
    }

    fn changed(at: usize, value: u8) -> Vec<u8> {
        let mut bytes = QUERY.to_vec();
        bytes[at] = value;
        bytes
    }

    #[test]
    fn a_query_is_dns_on_any_port() {
        assert_eq!(judge(53, QUERY), Ok(()));
        assert_eq!(judge(40_000, QUERY), Ok(()));
    }

    #[test]
    fn away_from_its_ports_a_message_must_end_where_its_counts_say() {
        let longer = [QUERY, b"x"].concat();
        assert_eq!(judge(53, &longer), Ok(()));
        assert_eq!(judge(40_000, &longer), Err(Fault::Wrong("end of message")));
    }

    #[test]
    fn an_implausible_header_is_not_dns() {
        for (at, value, part) in [
            (3, 0x40, "reserved bit"),
            (2, 0x18, "opcode"),
            (3, 0x05, "response code of a query"),
            (5, 0, "counts"),
            (4, 1, "question count"),
            (12, 0x47, "label"),
            (28, 0x09, "class"),
        ] {
            assert_eq!(judge(53, &changed(at, value)), Err(Fault::Wrong(part)));
        }
    }

    #[test]
    fn a_refusal_on_the_port_may_be_a_header_alone() {
        let refusal = b"\x1a\x2b\x80\x01\0\0\0\0\0\0\0\0";
        assert_eq!(judge(53, refusal), Ok(()));
        assert_eq!(judge(40_000, refusal), Err(Fault::Wrong("counts")));
        let longer = [&refusal[..], b"x"].concat();
        assert_eq!(judge(53, &longer), Err(Fault::Wrong("end of message")));
    }

    #[test]
    fn a_name_has_at_most_255_bytes() {
        let label = [&[63][..], &[b'a'; 63]].concat();
        let mut reader = Reader::open(&[]);
        assert!(name(&mut reader).is_err());
        let long = label.repeat(5);
        let judged = name(&mut Reader::open(&long));
        assert_eq!(judged, Err(Fault::Wrong("name")));
    }

    #[test]
    fn the_relatives_are_named_by_their_ports_and_name_no_server() {
        for (port, name) in [(5353, "MDNS"), (5355, "LLMNR")] {
            let finding = probe(&Speech::datagram(port, QUERY)).unwrap();
            assert_eq!(finding.label, Some(Label::of(name)));
            assert!(finding.facts.server_name.is_none());
        }
        assert!(judge(137, QUERY).is_err());
    }

    #[test]
    fn a_name_server_is_one_whatever_port_its_client_takes() {
        for opener_port in [137, 5353] {
            let speech = Speech {
                opener_port,
                ..Speech::datagram(53, QUERY)
            };
            assert!(probe(&speech).is_ok_and(|finding| finding.label.is_none()));
        }
    }

    #[test]
    fn the_name_asked_for_is_told_in_lower_case() {
        let mixed = changed(13, b'E');
        let finding = probe(&Speech::datagram(53, &mixed)).unwrap();
        let name = finding.facts.server_name.unwrap();
        assert_eq!(name.reveal(), "example.org");
        let wildcard = host(b"\x01*\x07example\0").unwrap();
        assert_eq!(wildcard.reveal(), "*.example");
        assert!(host(b"\x03a b\0").is_none());
        assert!(host(b"\0").is_none());
    }
}
