//! `OpenVPN` (draft-openvpn-wire-protocol) over UDP, and over TCP behind a length: by the messages
//! of its control channel, bare, with an HMAC (tls-auth) or encrypted (tls-crypt); data alone on
//! its port, by two that follow.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("OpenVPN"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 1194;
/// Opcodes, with a key's id of zero in the lower three bits.
const CONTROL: u8 = 4 << 3;
const ACK: u8 = 5 << 3;
const CLIENT_RESET: u8 = 7 << 3;
const SERVER_RESET: u8 = 8 << 3;
const DATA: u8 = 9 << 3;
const CLIENT_RESET_WITH_KEY: u8 = 10 << 3;
const CONTROLS: [u8; 5] = [
    CONTROL,
    ACK,
    CLIENT_RESET,
    SERVER_RESET,
    CLIENT_RESET_WITH_KEY,
];
/// None, MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
const HMACS: [usize; 7] = [0, 16, 20, 28, 32, 48, 64];
const SHORTEST: u16 = 14;
const LONGEST: u16 = 2000;
/// Messages of a control channel are few.
const EARLY: u32 = 256;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = match speech.transport {
        Transport::Udp => Reader::whole(speech.bytes),
        Transport::Tcp => framed(speech.bytes)?,
    };
    let opcode = reader.u8("opcode")?;
    if speech.transport == Transport::Udp && opcode & 0xf8 == DATA {
        Reader::require(speech.on_port(PORT), "port")?;
        data(speech)?;
        return Ok(Finding::default());
    }
    Reader::require(CONTROLS.contains(&opcode), "opcode")?;
    reader.u64("session")?;
    let body = reader.rest();
    let bare = HMACS.iter().any(|hmac| open(opcode, body, *hmac).is_ok());
    if !bare {
        encrypted(opcode, body)?;
    }
    Ok(Finding::default())
}

/// The first message, all of it.
fn framed(bytes: &[u8]) -> Result<Reader<'_>, Fault> {
    let mut reader = Reader::open(bytes);
    let length = reader.u16("length")?;
    Reader::require((SHORTEST..LONGEST).contains(&length), "length")?;
    if let Some(opcode) = reader.rest().first() {
        Reader::require(CONTROLS.contains(opcode), "opcode")?;
    }
    let message = reader.take(usize::from(length), "message")?;
    Ok(Reader::whole(message))
}

/// Behind the session's id: an HMAC with a replay counter and a time, acknowledgements with the
/// peer's id, and the message's own number.
fn open(opcode: u8, body: &[u8], hmac: usize) -> Result<(), Fault> {
    let mut reader = Reader::whole(body);
    if hmac > 0 {
        reader.take(hmac, "HMAC")?;
        let counter = reader.u32("counter")?;
        Reader::require((1..EARLY).contains(&counter), "counter")?;
        reader.u32("time")?;
    }
    let acknowledged = acknowledgements(&mut reader)?;
    match opcode {
        ACK => Reader::require(acknowledged && reader.at_end(), "acknowledgement"),
        CLIENT_RESET | SERVER_RESET => {
            let first = reader.u32("number")? == 0;
            Reader::require(first && (opcode == SERVER_RESET || !acknowledged), "number")?;
            reader.end("reset")
        }
        CONTROL => {
            let number = reader.u32("number")?;
            Reader::require((1..EARLY).contains(&number), "number")?;
            reader.magic(b"\x16\x03", "TLS record")
        }
        _ => Err(Fault::Wrong("opcode")),
    }
}

/// Says whether there were any.
fn acknowledgements(reader: &mut Reader<'_>) -> Result<bool, Fault> {
    let count = reader.u8("count of acknowledgements")?;
    Reader::require(count <= 8, "count of acknowledgements")?;
    for _ in 0..count {
        Reader::require(
            reader.u32("acknowledged number")? < EARLY,
            "acknowledged number",
        )?;
    }
    if count > 0 {
        reader.u64("peer's session")?;
    }
    Ok(count > 0)
}

/// The tag of tls-crypt.
const TAG: usize = 32;
/// Of what [`open`] reads of a reset, without and with an acknowledgement; a server may add what
/// it wants of the client, in a few bytes.
const RESET: usize = 5;
const ANSWERED: usize = 17;
const ADDED: usize = 12;
/// A client's key under the server's, with its tag and its length (tls-crypt-v2).
const SHORTEST_KEY: usize = 290;

/// Behind the session's id: a replay counter, a time, a tag, and only then what is encrypted.
fn encrypted(opcode: u8, body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(body);
    let counter = reader.u32("counter")?;
    reader.u32("time")?;
    reader.take(TAG, "tag")?;
    let early = (1..EARLY).contains(&counter);
    let length = reader.rest().len();
    let sound = match opcode {
        CLIENT_RESET => early && length == RESET,
        SERVER_RESET => early && (ANSWERED..=ANSWERED + ADDED).contains(&length),
        // Its upper half may say that a cookie is welcome.
        CLIENT_RESET_WITH_KEY => {
            (1..EARLY).contains(&(counter & 0xffff)) && with_key(reader.rest())
        }
        _ => false,
    };
    Reader::require(sound, "encrypted reset")
}

/// The key is last, and its length the last of it.
fn with_key(sealed: &[u8]) -> bool {
    let Some((_, length)) = sealed.split_last_chunk::<2>() else {
        return false;
    };
    let key = usize::from(u16::from_be_bytes(*length));
    let reset = sealed.len().checked_sub(key);
    key >= SHORTEST_KEY && reset.is_some_and(|reset| (RESET..=RESET + ADDED).contains(&reset))
}

/// The same peer's id, and a counter that grew.
fn data(speech: &Speech<'_>) -> Result<(), Fault> {
    let header = |bytes: &[u8]| {
        let mut reader = Reader::whole(bytes);
        let peer = reader.u32("peer")?;
        Ok::<_, Fault>((peer, reader.u32("counter")?))
    };
    let (peer, counter) = header(speech.bytes)?;
    let mut earlier = speech
        .earlier
        .datagrams()
        .filter_map(|bytes| header(bytes).ok());
    let follows = |(before, old): (u32, u32)| {
        before == peer && (1..EARLY).contains(&counter.wrapping_sub(old))
    };
    Reader::require(earlier.any(follows), "counter")
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
            1194,
            &[
                Opener(b"\x38\x39\xfd\xed\x2d\xaa\x10\xa4\x37\0\0\0\0\0"),
                Responder(
                    b"\x40\x94\x21\x91\x7d\xe7\x26\x77\x29\x01\0\0\0\0\
                    \x39\xfd\xed\x2d\xaa\x10\xa4\x37\0\0\0\0",
                ),
            ],
            "OpenVPN",
        ),
        Talk::tcp(
            443,
            &[
                Opener(
                    b"\0\x2a\x38\x92\xb8\xafJw\x7f\xc7Babcdefghijklmnopqrst\0\0\0\x01\
                    \x57\x7e\x73\xb3\0\0\0\0\0",
                ),
                Responder(
                    b"\0\x36\x40\xd9\x16\xc4\x86\x0c\xb1\xd8\xcfabcdefghijklmnopqrst\0\0\0\x01\
                    \x57\x7e\x73\x7d\x01\0\0\0\0\x92\xb8\xafJw\x7f\xc7B\0\0\0\0",
                ),
            ],
            "OpenVPN",
        ),
        Talk::udp(
            443,
            &[
                Opener(
                    b"\x38\x2a\x56\xd9\x79\xd9\x9e\xcc\xf4\0\0\0\x01\x63\xcf\x4f\xf5\
                    abcdefghijklmnopqrstuvwxyz012345fghij",
                ),
                Responder(
                    b"\x40\x2f\x64\xc0\x90\x39\xde\x36\x23\0\0\0\x01\x63\xcf\x4f\xf5\
                    abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopq",
                ),
            ],
            "OpenVPN",
        ),
        Talk::udp(
            1194,
            &[
                Opener(b"\x48\0\0\x01\0\0\x01\x07abcdefghijklmnopqrst"),
                Opener(b"\x48\0\0\x01\0\0\x01\x08abcdefghijklmnopqrst"),
            ],
            "OpenVPN",
        ),
    ];

    #[test]
    fn a_control_message_carries_a_tls_record() {
        let judged = |bytes: &[u8]| probe(&Speech::datagram(40_000, bytes)).is_ok();
        assert!(judged(
            b"\x20abcdefgh\0\0\0\0\x01\x16\x03\x01\x01\x10\x01\0"
        ));
        assert!(!judged(
            b"\x20abcdefgh\0\0\0\0\x01\x17\x03\x01\x01\x10\x01\0"
        ));
        assert!(judged(b"\x28abcdefgh\x01\0\0\0\x01ijklmnop"));
        assert!(!judged(b"\x28abcdefgh\0"));
    }

    #[test]
    fn a_client_s_key_is_as_long_as_it_says() {
        let mut reset = [
            &b"\x50abcdefgh\x0f\0\0\x01\x62\x5a\x9e\x97"[..],
            &[7; 32 + 5 + 297],
        ]
        .concat();
        reset.extend(299_u16.to_be_bytes());
        let judged = |bytes: &[u8]| probe(&Speech::datagram(1194, bytes)).is_ok();
        assert!(judged(&reset));
        reset.push(0);
        assert!(!judged(&reset));
    }

    #[test]
    fn a_message_over_tcp_is_judged_when_it_is_whole() {
        let judged = |bytes: &[u8]| probe(&Speech::stream(443, bytes, false)).err();
        assert!(matches!(judged(b"\0\x0e\x38"), Some(Fault::Short(_))));
        assert!(matches!(judged(b"\0\x0e\x39"), Some(Fault::Wrong(_))));
        assert!(matches!(judged(b"\x16\x03\x01"), Some(Fault::Wrong(_))));
    }

    #[test]
    fn data_is_not_known_away_from_its_port_nor_alone() {
        let data = b"\x48\0\0\x01\0\0\x01\x07abcdefghijklmnopqrst";
        assert!(probe(&Speech::datagram(40_000, data)).is_err());
        assert!(probe(&Speech::datagram(1194, data)).is_err());
    }
}
