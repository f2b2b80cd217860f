//! TLS 1.3 (RFC 8446) as browsers speak it: what is in the clear is real, the rest is filling.

use super::{
    super::{
        conversation::{Conversation, Framing, Side, Transport},
        dice::Dice,
    },
    host_name, sized,
};

const RECORDS: [Framing; 2] = [Framing::TlsRecord; 2];
/// AES-128-GCM, AES-256-GCM and ChaCha20 of TLS 1.3, then six of TLS 1.2 with ECDHE.
const CIPHER_SUITES: [u16; 9] = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
];
const SIGNATURES: [u16; 8] = [
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
];
/// X25519, P-256, P-384.
const GROUPS: [u16; 3] = [0x001d, 0x0017, 0x0018];
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// A web site.
pub(super) fn web(dice: &mut Dice, bytes: u32) -> Conversation {
    let port = if dice.percent(6) { 8443 } else { 443 };
    let mut conversation = Conversation::new("TLS", Transport::Tcp, port);
    let name = host_name(dice);
    handshake(&mut conversation, dice, &name);
    conversation.exchange(dice, RECORDS, bytes);
    conversation
}

/// A connection from another relay: no real server name, cells of 514 bytes (tor-spec).
pub(super) fn onion_routing(dice: &mut Dice, bytes: u32) -> Conversation {
    let mut conversation = Conversation::new("TLS", Transport::Tcp, 9001);
    conversation.inbound = true;
    let letters = b"abcdefghijklmnopqrstuvwxyz234567";
    let name: String = (0..16).map(|_| char::from(dice.pick(letters))).collect();
    handshake(&mut conversation, dice, &format!("www.{name}.com"));
    conversation.exchange(dice, RECORDS, bytes.next_multiple_of(514));
    conversation
}

/// From the client hello to the client's `Finished`.
pub(super) fn handshake(conversation: &mut Conversation, dice: &mut Dice, name: &str) {
    let session = dice.array::<32>();
    let hello = client_hello(dice, name, &session, &[b"h2", b"http/1.1"], &[]);
    conversation.say(Side::Opener, record(&hello));
    let mut answer = record(&server_hello(dice, &session));
    answer.extend(CHANGE_CIPHER_SPEC);
    conversation.say(Side::Responder, answer);
    // Encrypted extensions, certificates, their signature.
    let certificates = 2200 + u32::try_from(dice.below(2400)).unwrap_or_default();
    conversation.fill(Side::Responder, Framing::TlsRecord, certificates);
    conversation.say(Side::Opener, CHANGE_CIPHER_SPEC);
    conversation.fill(Side::Opener, Framing::TlsRecord, 53);
}

/// A handshake message in its record.
fn record(message: &[u8]) -> Vec<u8> {
    let mut out = vec![22, 3, 1];
    sized::<2>(&mut out, message);
    out
}

/// A client hello, as a handshake message; `more` are whole extensions.
pub(super) fn client_hello(
    dice: &mut Dice,
    name: &str,
    session: &[u8],
    protocols: &[&[u8]],
    more: &[u8],
) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(dice.array::<32>());
    sized::<1>(&mut body, session);
    sized::<2>(&mut body, &codes(&CIPHER_SUITES));
    sized::<1>(&mut body, &[0]);
    let mut extensions = Vec::new();
    extension(&mut extensions, 0, &server_name(name));
    extension(&mut extensions, 23, &[]);
    extension(&mut extensions, 0xff01, &[0]);
    extension(&mut extensions, 10, &list(&codes(&GROUPS)));
    extension(&mut extensions, 11, &[1, 0]);
    extension(&mut extensions, 35, &[]);
    extension(&mut extensions, 16, &alpn(protocols));
    extension(&mut extensions, 5, &[1, 0, 0, 0, 0]);
    extension(&mut extensions, 13, &list(&codes(&SIGNATURES)));
    extension(&mut extensions, 51, &list(&key_share(dice)));
    extension(&mut extensions, 45, &[1, 1]);
    extension(&mut extensions, 43, &[4, 3, 4, 3, 3]);
    extensions.extend_from_slice(more);
    sized::<2>(&mut body, &extensions);
    let mut message = vec![1];
    sized::<3>(&mut message, &body);
    message
}

/// A server hello, as a handshake message.
pub(super) fn server_hello(dice: &mut Dice, session: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(dice.array::<32>());
    sized::<1>(&mut body, session);
    body.extend([0x13, 0x01, 0]);
    let mut extensions = Vec::new();
    extension(&mut extensions, 43, &[3, 4]);
    extension(&mut extensions, 51, &key_share(dice));
    sized::<2>(&mut body, &extensions);
    let mut message = vec![2];
    sized::<3>(&mut message, &body);
    message
}

/// An extension behind its number.
pub(super) fn extension(out: &mut Vec<u8>, number: u16, bytes: &[u8]) {
    out.extend(number.to_be_bytes());
    sized::<2>(out, bytes);
}

fn server_name(name: &str) -> Vec<u8> {
    let mut entry = vec![0];
    sized::<2>(&mut entry, name.as_bytes());
    list(&entry)
}

fn alpn(protocols: &[&[u8]]) -> Vec<u8> {
    let mut names = Vec::new();
    for name in protocols {
        sized::<1>(&mut names, name);
    }
    list(&names)
}

fn key_share(dice: &mut Dice) -> Vec<u8> {
    let mut share = GROUPS[0].to_be_bytes().to_vec();
    sized::<2>(&mut share, &dice.array::<32>());
    share
}

fn list(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    sized::<2>(&mut out, bytes);
    out
}

fn codes(codes: &[u16]) -> Vec<u8> {
    codes.iter().flat_map(|code| code.to_be_bytes()).collect()
}
