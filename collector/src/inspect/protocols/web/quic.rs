//! QUIC by its long header (RFC 8999, RFC 9000 section 17.2, RFC 9369), its drafts, and Google's
//! earlier form; with what [`hello`] reads in the client's Initials, which everyone on the path can
//! open. A flow taken up at its short headers is not recognised.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    reassembly::Stream,
    registry::{Dissector, Facts, Finding, Speech, Transport, Verdict},
};

use super::hello::{self, CLIENT_HELLO, Carrier};

mod google;
mod initial;

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("QUIC"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const DNS_OVER_QUIC: Label = Label {
    master: "QUIC",
    app: "DoH_DoT",
};

const LONG_HEADER: u8 = 0x80;
const FIXED_BIT: u8 = 0x40;
const NEGOTIATION: u32 = 0;
const VERSION_1: u32 = 1;
const VERSION_2: [u8; 4] = [0x6b, 0x33, 0x43, 0xcf];
/// The drafts of RFC 9369, but the first.
const VERSION_2_DRAFT: [u8; 4] = [0x70, 0x9a, 0x50, 0xc4];
/// The first draft with the long header of RFC 9000, and the last.
const DRAFTS: std::ops::RangeInclusive<u32> = 0xff00_0016..=0xff00_0022;
/// The pattern of versions that ask for version negotiation (RFC 9000, section 15); whoever sends
/// one uses the form of a version that it does speak.
const RESERVED: u32 = 0x0a0a_0a0a;
/// Connection ids have at most 20 bytes in these versions (RFC 9000, section 17.2).
const LONGEST_ID: usize = 20;
/// What header protection samples (RFC 9001, section 5.4.2).
const SHORTEST_PACKET: u64 = 20;

/// A form of the header behind the version.
enum Form {
    /// RFC 9000; the packet type that is Initial, and the one that is Retry.
    Ietf { initial: u8, retry: u8 },
    /// Google's Q044 to Q046: the lengths of both connection ids in one byte.
    Packed,
}

/// What a datagram begins with.
enum Packet<'a> {
    Initial(Initial<'a>),
    /// Of Google's form, in which the hello is in clear.
    Clear,
    Other,
}

/// An Initial (RFC 9000, section 17.2.2).
struct Initial<'a> {
    first: u8,
    version: u32,
    connection_id: &'a [u8],
    /// From the packet number on.
    protected: &'a [u8],
    /// It goes on behind what is here.
    cut: bool,
}

/// What is put together of a hello, and of how many frames: clients cut it small and shuffle it.
const LONGEST_HELLO: usize = 4096;
const MOST_FRAMES: u8 = 64;
/// Packets of a datagram that are looked at.
const MOST_PACKETS: usize = 4;

fn probe(speech: &Speech<'_>) -> Verdict {
    // Of datagrams behind the first the window may have cut the end.
    let mut reader = if speech.earlier.is_empty() {
        Reader::whole(speech.bytes)
    } else {
        Reader::open(speech.bytes)
    };
    let mut finding = match packet(&mut reader)? {
        Packet::Initial(_) => client_hello(speech),
        Packet::Clear => google::in_clear(speech.bytes).map(of_facts),
        Packet::Other => None,
    }
    // A server's packet, or one that cannot be opened: the client's hello may come yet.
    .unwrap_or_else(|| Finding {
        more: true,
        ..Finding::default()
    });
    if finding.facts.alpn == Some("doq") {
        finding.label = Some(DNS_OVER_QUIC);
    }
    Ok(finding)
}

fn of_facts(facts: Facts) -> Finding {
    Finding {
        facts,
        ..Finding::default()
    }
}

/// The client's hello, as much of it as this side's Initials hold so far.
fn client_hello(speech: &Speech<'_>) -> Option<Finding> {
    let mut hello = Stream::of_pieces(LONGEST_HELLO, MOST_FRAMES);
    let mut first = None;
    for packet in speech.datagrams().flat_map(initials) {
        // The keys stay those of the first id, but after a Retry.
        let id = *first.get_or_insert(packet.connection_id);
        let opened = read_packet(&packet, id, &mut hello)
            || (packet.connection_id != id
                && read_packet(&packet, packet.connection_id, &mut hello));
        if !opened {
            break;
        }
    }
    read_hello(hello.prefix())
}

fn read_hello(bytes: &[u8]) -> Option<Finding> {
    if let Some(facts) = google::facts(bytes) {
        return Some(of_facts(facts));
    }
    let mut message = Reader::open(bytes);
    let (kind, length) = hello::message_head(&mut message).ok()?;
    Reader::require(kind == CLIENT_HELLO, "handshake type").ok()?;
    let body = message.part(length, "hello").ok()?;
    hello::read(kind, body, Carrier::Stream, false).ok()
}

/// The Initials of a datagram, which other packets may follow.
fn initials(datagram: &[u8]) -> impl Iterator<Item = Initial<'_>> {
    let mut reader = Reader::open(datagram);
    let packets = std::iter::from_fn(move || packet(&mut reader).ok());
    packets
        .take(MOST_PACKETS)
        .filter_map(|packet| match packet {
            Packet::Initial(initial) => Some(initial),
            Packet::Clear | Packet::Other => None,
        })
}

/// Puts the pieces of hello in `packet` into `hello`; says whether `connection_id` opens it.
fn read_packet(packet: &Initial<'_>, connection_id: &[u8], hello: &mut Stream) -> bool {
    let salts = initial::salts(packet.version).iter();
    let mut opened = salts.filter_map(|salt| initial::open(packet, salt, connection_id));
    opened.any(|bytes| !matches!(frames(packet, &bytes, hello), Err(Fault::Wrong(_))))
}

/// The frames that an Initial may hold (RFC 9000, section 12.4), and those of Google's versions with
/// the same header.
fn frames(packet: &Initial<'_>, bytes: &[u8], hello: &mut Stream) -> Result<(), Fault> {
    const PADDING: u64 = 0;
    const PING: u64 = 1;
    const ACK: u64 = 2;
    const ACK_ECN: u64 = 3;
    const CRYPTO: u64 = 6;
    const GOOGLE_PING: u64 = 7;
    const GOOGLE_CRYPTO: u64 = 8;
    let google = matches!(packet.version.to_be_bytes(), [b'Q' | b'T', b'0', ..]);
    let mut reader = if packet.cut {
        Reader::open(bytes)
    } else {
        Reader::whole(bytes)
    };
    while !reader.rest().is_empty() {
        match reader.variable("frame type")? {
            PADDING | PING => {}
            GOOGLE_PING if google => {}
            ACK if !google => ack(&mut reader, 0)?,
            ACK_ECN if !google => ack(&mut reader, 3)?,
            CRYPTO => crypto(&mut reader, hello)?,
            GOOGLE_CRYPTO if google => crypto(&mut reader, hello)?,
            _ => return Err(Fault::Wrong("frame type")),
        }
    }
    Ok(())
}

/// RFC 9000, section 19.3.
fn ack(reader: &mut Reader<'_>, counts: u64) -> Result<(), Fault> {
    reader.variable("largest acknowledged")?;
    reader.variable("acknowledgement delay")?;
    let ranges = reader.variable("ranges")?;
    reader.variable("first range")?;
    for _ in 0..ranges.saturating_mul(2).saturating_add(counts) {
        reader.variable("range")?;
    }
    Ok(())
}

/// RFC 9000, section 19.6.
fn crypto(reader: &mut Reader<'_>, hello: &mut Stream) -> Result<(), Fault> {
    let offset = reader.variable("offset")?;
    let length = reader.variable("crypto data")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let data = reader.part(length, "crypto data")?;
    hello.insert(i32::try_from(offset).unwrap_or(i32::MAX), data.rest());
    Ok(())
}

fn packet<'a>(reader: &mut Reader<'a>) -> Result<Packet<'a>, Fault> {
    let first = reader.u8("first byte")?;
    if first & LONG_HEADER == 0 {
        return public_header(first, reader).map(|()| Packet::Clear);
    }
    let version = reader.u32("version")?;
    if version == NEGOTIATION {
        return negotiation(reader).map(|()| Packet::Other);
    }
    Reader::require(first & FIXED_BIT != 0, "fixed bit")?;
    match form(version).ok_or(Fault::Wrong("version"))? {
        Form::Ietf { initial, retry } => {
            let connection_id = connection_ids(reader)?;
            let kind = first >> 4 & 3;
            if kind == retry {
                return reader.take(16, "integrity tag").map(|_| Packet::Other);
            }
            let is_initial = kind == initial;
            let (protected, cut) = protected(reader, is_initial)?;
            Ok(if is_initial {
                Packet::Initial(Initial {
                    first,
                    version,
                    connection_id,
                    protected,
                    cut,
                })
            } else {
                Packet::Other
            })
        }
        Form::Packed => packed_ids(reader).map(|()| Packet::Clear),
    }
}

/// What header protection and encryption cover, and whether its end is missing.
fn protected<'a>(reader: &mut Reader<'a>, initial: bool) -> Result<(&'a [u8], bool), Fault> {
    if initial {
        let token = reader.variable("token length")?;
        reader.take(usize::try_from(token).unwrap_or(usize::MAX), "token")?;
    }
    let length = reader.variable("length")?;
    Reader::require(length >= SHORTEST_PACKET, "length")?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let here = reader.part(length, "packet")?.rest();
    Ok((here, here.len() < length))
}

fn form(version: u32) -> Option<Form> {
    const RFC_9000: Form = Form::Ietf {
        initial: 0,
        retry: 3,
    };
    const RFC_9369: Form = Form::Ietf {
        initial: 1,
        retry: 0,
    };
    let reserved = version & 0x0f0f_0f0f == RESERVED;
    if version == VERSION_1 || reserved || DRAFTS.contains(&version) {
        return Some(RFC_9000);
    }
    match version.to_be_bytes() {
        VERSION_2 | VERSION_2_DRAFT => Some(RFC_9369),
        [0xff, 0x02, 0, 0] => Some(RFC_9000),
        [b'Q' | b'T', b'0', b'5', b'0'..=b'9'] => Some(RFC_9000),
        // Facebook's mvfst, in the working group's list of versions.
        [0xfa, 0xce, 0xb0, _] => Some(RFC_9000),
        [b'Q', b'0', b'4', b'4'..=b'9'] => Some(Form::Packed),
        _ => None,
    }
}

/// The destination's of both.
fn connection_ids<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
    let mut next = |part| {
        let length = usize::from(reader.u8(part)?);
        Reader::require(length <= LONGEST_ID, part)?;
        reader.take(length, part)
    };
    let destination = next("destination connection id")?;
    next("source connection id")?;
    Ok(destination)
}

/// Version negotiation (RFC 9000, section 17.2.1): at least one version in the list is known.
fn negotiation(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.part8("destination connection id")?;
    reader.part8("source connection id")?;
    let mut known = false;
    while !reader.at_end() {
        known |= form(reader.u32("supported version")?).is_some();
    }
    Reader::require(known, "supported versions")
}

fn packed_ids(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let lengths = reader.u8("connection id lengths")?;
    for nibble in [lengths >> 4, lengths & 0xf] {
        // 0, or the length less 3.
        let length = if nibble == 0 { 0 } else { nibble + 3 };
        reader.take(usize::from(length), "connection id")?;
    }
    reader.take(16, "packet").map(|_| ())
}

/// Google's public header of Q043 and before (QUIC Wire Layout Specification): flags, a connection
/// id, and the client's version; a server's is known where it rejects a hello.
fn public_header(flags: u8, reader: &mut Reader<'_>) -> Result<(), Fault> {
    const VERSION: u8 = 0x01;
    const RESET: u8 = 0x02;
    const CONNECTION_ID: u8 = 0x08;
    const UNUSED: u8 = 0xc0;
    let sound = flags & CONNECTION_ID != 0 && flags & UNUSED == 0;
    Reader::require(sound, "public flags")?;
    reader.take(8, "connection id")?;
    if flags & VERSION == 0 {
        let rejection = flags & RESET == 0 && google::is_rejection(reader.rest());
        return Reader::require(rejection, "rejection");
    }
    let version = reader.u32("version")?.to_be_bytes();
    let known = matches!(version, [b'Q', b'0', b'0'..=b'4', b'0'..=b'9']);
    Reader::require(known, "version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{
        Inspector, Sensitive,
        tests::{
            Talk,
            Turn::{Opener, Responder},
        },
    };

    /// The client's Initial in RFC 9001, appendix A.2, for example.com.
    const CLIENT: &[u8] = include_bytes!("../../tests/quic-v1-client.bin");
    /// The server's in appendix A.3.
    const SERVER: &[u8] = b"\xcf\0\0\0\x01\0\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5\0\x40\x75\
        \xc0\xd9\x5a\x48\x2c\xd0\x99\x1c\xd2\x5b\x0a\xac\x40\x6a\x58\x16\xb6\x39\x41\x00\
        \xf3\x7a\x1c\x69\x79\x75\x54\x78\x0b\xb3\x8c\xc5\xa9\x9f\x5e\xde\x4c\xf7\x3c\x3e\
        \xc2\x49\x3a\x18\x39\xb3\xdb\xcb\xa3\xf6\xea\x46\xc5\xb7\x68\x4d\xf3\x54\x8e\x7d\
        \xde\xb9\xc3\xbf\x9c\x73\xcc\x3f\x3b\xde\xd7\x4b\x56\x2b\xfb\x19\xfb\x84\x02\x2f\
        \x8e\xf4\xcd\xd9\x37\x95\xd7\x7d\x06\xed\xbb\x7a\xaf\x2f\x58\x89\x18\x50\xab\xbd\
        \xca\x3d\x20\x39\x8c\x27\x64\x56\xcb\xc4\x21\x58\x40\x7d\xd0\x74\xee";
    /// The Retry in RFC 9001, appendix A.4.
    const RETRY: &[u8] = b"\xff\0\0\0\x01\0\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5token\
        \x04\xa2\x65\xba\x2e\xff\x4d\x82\x90\x58\xfb\x3f\x0f\x24\x96\xba";
    /// Q043: public header, hash, the header of a stream's frame, and a hello.
    const GOOGLE: &[u8] = b"\x0d\xe8\x3c\x77\xbd\x8f\x89\x15\xf9Q043\x01\
        \x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\xa0\x01\x04\0\
        CHLO\x02\0\0\0SNI\0\x0b\0\0\0UAID\x10\0\0\0example.netagent\0\0\0\0";

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(443, &[Opener(CLIENT), Responder(SERVER)], "QUIC"),
        Talk::udp(443, &[Responder(SERVER)], "QUIC"),
        Talk::udp(443, &[Opener(GOOGLE)], "QUIC"),
    ];

    fn header(bytes: &[u8]) -> Result<(), Fault> {
        packet(&mut Reader::whole(bytes)).map(|_| ())
    }

    fn with(version: &[u8; 4], first: u8) -> Vec<u8> {
        let mut datagram = CLIENT.to_vec();
        datagram[0] = first;
        datagram[1..5].copy_from_slice(version);
        datagram
    }

    /// The server's name after `datagrams` of the opener, and whether more is wanted.
    fn name(datagrams: &[Vec<u8>]) -> (Option<String>, bool) {
        let mut inspector = Inspector::new(17, 50_000, 443);
        let mut offset = 0;
        for datagram in datagrams {
            inspector.payload(true, offset, datagram);
            offset += i32::try_from(datagram.len()).unwrap();
        }
        let more = !inspector.decided();
        let name = inspector.finish().server_name;
        (name.map(|name| name.reveal().to_owned()), more)
    }

    /// A CRYPTO frame of `bytes` at `offset`, both under 64.
    fn crypto_frame(offset: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).unwrap();
        [&[6, offset, length], bytes].concat()
    }

    /// A hello for a.example, of 65 bytes.
    fn small_hello() -> Vec<u8> {
        let mut hello = b"\x01\0\0\x3d\x03\x03".to_vec();
        hello.resize(38, 7);
        hello.extend_from_slice(b"\0\0\x02\x13\x01\x01\0\0\x12\0\0\0\x0e\0\x0c\0\0\x09a.example");
        hello
    }

    #[test]
    fn the_hello_in_an_initial_gives_the_name_and_the_version() {
        let finding = probe(&Speech::datagram(443, CLIENT)).unwrap();
        let name = finding.facts.server_name.as_ref().map(Sensitive::reveal);
        assert_eq!(name, Some("example.com"));
        assert_eq!(
            finding.facts.offered,
            Some(crate::inspect::TlsVersion::Tls13)
        );
        assert!(!finding.more);
    }

    #[test]
    fn a_hello_may_be_cut_shuffled_and_spread_over_datagrams() {
        let hello = small_hello();
        let id = b"\x01\x02\x03\x04\x05\x06\x07\x08";
        let mut second = crypto_frame(50, &hello[50..]);
        second.extend_from_slice(&[1, 0, 0]);
        second.extend(crypto_frame(20, &hello[20..50]));
        let datagrams = [
            initial::tests::seal(id, &second),
            initial::tests::seal(id, &crypto_frame(0, &hello[..20])),
        ];
        assert_eq!(name(&datagrams[..1]), (None, true));
        assert_eq!(name(&datagrams), (Some("a.example".to_owned()), false));
    }

    #[test]
    fn the_keys_stay_those_of_the_first_id_or_change_with_a_retry() {
        let hello = small_hello();
        let first = initial::tests::seal(b"first id", &crypto_frame(0, &hello[..20]));
        let mut second = initial::tests::seal(b"first id", &crypto_frame(20, &hello[20..]));
        second[6..14].copy_from_slice(b"other id");
        let expected = (Some("a.example".to_owned()), false);
        assert_eq!(name(&[first.clone(), second]), expected);
        let second = initial::tests::seal(b"other id", &crypto_frame(20, &hello[20..]));
        assert_eq!(name(&[first, second]), expected);
    }

    #[test]
    fn the_hello_is_awaited_behind_the_server_s_initial() {
        let finding = probe(&Speech::datagram(443, SERVER)).unwrap();
        assert!(finding.more && finding.facts.server_name.is_none());
    }

    #[test]
    fn google_s_hello_in_clear_gives_name_and_user_agent() {
        let facts = probe(&Speech::datagram(443, GOOGLE)).unwrap().facts;
        let reveal = |text: &Option<Sensitive>| text.as_ref().map(|text| text.reveal().to_owned());
        assert_eq!(reveal(&facts.server_name).as_deref(), Some("example.net"));
        assert_eq!(reveal(&facts.user_agent).as_deref(), Some("agent"));
    }

    #[test]
    fn long_headers_of_version_1_are_quic() {
        assert_eq!(header(CLIENT), Ok(()));
        assert_eq!(header(RETRY), Ok(()));
    }

    #[test]
    fn a_server_s_rejection_in_clear_is_quic() {
        let reject = [
            &b"\x08\x25\x42\xda\xab\xb0\x35\x31\x7b\x01\x6b\xe4\x92\x17\x79\x60\x18\xe9\x11\x7c\xe8\
            \x2a\x40\x01\x03\xa5\x01\0\x06\0\xa0\x01\x02\x5bREJ\0\x07\0"[..],
            &[0; 64],
        ]
        .concat();
        assert_eq!(header(&reject), Ok(()));
        let other = [&reject[..31], b"\x02", &reject[32..]].concat();
        assert_eq!(header(&other), Err(Fault::Wrong("rejection")));
    }

    #[test]
    fn version_2_the_drafts_and_google_s_are_quic() {
        assert_eq!(header(&with(b"\x6b\x33\x43\xcf", 0xd0)), Ok(()));
        assert_eq!(header(&with(b"\xff\0\0\x1d", 0xc0)), Ok(()));
        assert_eq!(header(&with(b"Q050", 0xc0)), Ok(()));
        let packed = [&b"\xc0Q046\x50"[..], &[7; 8], &[0x5a; 40]].concat();
        assert_eq!(header(&packed), Ok(()));
        assert_eq!(
            header(b"\x0d\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01"),
            Ok(())
        );
    }

    #[test]
    fn a_version_negotiation_lists_a_known_version() {
        let list = b"\x80\0\0\0\0\x01\xaa\x01\xbb\x1a\x2a\x3a\x4a\0\0\0\x01";
        assert_eq!(header(list), Ok(()));
        let unknown = b"\x80\0\0\0\0\x01\xaa\x01\xbb\0\0\0\x09";
        assert_eq!(header(unknown), Err(Fault::Wrong("supported versions")));
    }

    #[test]
    fn a_reserved_version_that_asks_for_negotiation_is_quic() {
        assert_eq!(header(&with(b"\x1a\x2a\x3a\x4a", 0xc0)), Ok(()));
    }

    #[test]
    fn unknown_versions_short_headers_and_hostile_lengths_are_not_quic() {
        assert_eq!(
            header(&with(b"\0\0\0\x09", 0xc0)),
            Err(Fault::Wrong("version"))
        );
        assert!(header(b"\x40\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c").is_err());
        let mut datagram = CLIENT.to_vec();
        datagram[5] = 21;
        assert_eq!(
            header(&datagram),
            Err(Fault::Wrong("destination connection id"))
        );
        let longest = [&CLIENT[..16], &[0xff; 8], &[0; 100]].concat();
        assert_eq!(header(&longest), Err(Fault::Wrong("packet")));
    }
}
