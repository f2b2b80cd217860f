//! QUIC version 1 (RFC 9000). Initials are encrypted as RFC 9001 says, with keys that every
//! observer can derive; what follows is filling behind real headers.

use rustls::{
    crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
    quic::{DirectionalKeys, Keys, Version},
};

use super::{
    super::{
        conversation::{Conversation, Framing, Side, Transport},
        dice::Dice,
    },
    host_name, sized, tls,
};

/// The least for a datagram with an Initial (RFC 9000, section 14.1).
const DATAGRAM: usize = 1200;
const INITIAL: u8 = 0xc0;
const HANDSHAKE: u8 = 0xe0;
/// Of the packet number; the first bytes tell it less one.
const NUMBER: usize = 4;
const TAG: usize = 16;

/// A web site.
pub(super) fn talk(dice: &mut Dice, bytes: u32) -> Conversation {
    let mut conversation = Conversation::new("QUIC", Transport::Udp, 443);
    // The client's first guess of a connection id; then the server's. The client has none.
    let (guess, server) = (dice.array::<8>(), dice.array::<8>());
    let name = host_name(dice);
    let keys = initial_keys(&guess);
    conversation.say(
        Side::Opener,
        client_initial(dice, &keys.local, &guess, &name),
    );
    conversation.say(Side::Responder, server_initial(dice, &keys.remote, &server));
    conversation.say(Side::Responder, handshake(dice, &[], &server, 1100));
    conversation.say(Side::Opener, handshake(dice, &server, &[], 52));
    let framings = [Framing::Quic(Some(server)), Framing::Quic(None)];
    conversation.exchange(dice, framings, bytes);
    conversation
}

/// The first datagram to a server of this name, the same in every run.
#[must_use]
pub fn quic_opening(name: &str) -> Vec<u8> {
    let mut dice = Dice::new(1);
    let guess = dice.array::<8>();
    client_initial(&mut dice, &initial_keys(&guess).local, &guess, name)
}

fn initial_keys(client_guess: &[u8]) -> Keys {
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let suite = suite.and_then(|suite| suite.quic_suite());
    let suite = suite.expect("AES-128-GCM has a QUIC form");
    suite.keys(client_guess, rustls::Side::Client, Version::V1)
}

fn client_initial(dice: &mut Dice, keys: &DirectionalKeys, guess: &[u8], name: &str) -> Vec<u8> {
    let mut parameters = Vec::new();
    // max_idle_timeout 30 s, initial_max_data 1 MiB, an empty initial_source_connection_id.
    let known = [1, 4, 0x80, 0, 0x75, 0x30, 4, 4, 0x80, 0x10, 0, 0, 0x0f, 0];
    tls::extension(&mut parameters, 57, &known);
    let hello = tls::client_hello(dice, name, &[], &[b"h3"], &parameters);
    let frames = crypto_frame(&hello);
    sealed(keys, guess, &[], frames, DATAGRAM)
}

fn server_initial(dice: &mut Dice, keys: &DirectionalKeys, own: &[u8]) -> Vec<u8> {
    let mut frames = vec![2, 0, 0, 0, 0]; // ACK of packet 0
    frames.extend(crypto_frame(&tls::server_hello(dice, &[])));
    sealed(keys, &[], own, frames, DATAGRAM)
}

/// A CRYPTO frame at offset 0 (RFC 9000, section 19.6).
fn crypto_frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![6, 0];
    frame.extend(variable(message.len()));
    frame.extend_from_slice(message);
    frame
}

/// An Initial with packet number 0, padded to `size` bytes and encrypted.
fn sealed(
    keys: &DirectionalKeys,
    to: &[u8],
    from: &[u8],
    mut frames: Vec<u8>,
    size: usize,
) -> Vec<u8> {
    let mut packet = long_header(INITIAL, to, from);
    packet.push(0); // no token
    let length = size - packet.len() - 2;
    packet.extend(variable(length));
    let number = packet.len();
    packet.extend([0; NUMBER]);
    frames.resize(length - NUMBER - TAG, 0);
    let tag = keys
        .packet
        .encrypt_in_place(0, &packet, &mut frames)
        .expect("a fresh key");
    packet.extend(frames);
    packet.extend(tag.as_ref());
    protect(keys, &mut packet, number);
    packet
}

/// Header protection (RFC 9001, section 5.4).
fn protect(keys: &DirectionalKeys, packet: &mut [u8], number: usize) {
    let (header, rest) = packet.split_at_mut(number + NUMBER);
    let (before, number) = header.split_at_mut(number);
    keys.header
        .encrypt_in_place(&rest[..TAG], &mut before[0], number)
        .expect("a sample of 16 bytes");
}

/// A Handshake packet of filling.
fn handshake(dice: &mut Dice, to: &[u8], from: &[u8], length: usize) -> Vec<u8> {
    let mut packet = long_header(HANDSHAKE, to, from);
    packet.extend(variable(length));
    packet.extend(dice.bytes(length));
    packet
}

fn long_header(kind: u8, to: &[u8], from: &[u8]) -> Vec<u8> {
    // The low bits tell the length of the packet number.
    let mut header = vec![kind | 3, 0, 0, 0, 1];
    sized::<1>(&mut header, to);
    sized::<1>(&mut header, from);
    header
}

/// A length in two bytes (RFC 9000, section 16); below 2^14.
fn variable(length: usize) -> [u8; 2] {
    let [high, low] = u16::try_from(length).unwrap_or_default().to_be_bytes();
    [high | 0x40, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_can_decrypt_the_clients_initial() {
        let mut dice = Dice::new(1);
        let guess = dice.array::<8>();
        let keys = initial_keys(&guess);
        let mut packet = client_initial(&mut dice, &keys.local, &guess, "www.example.com");
        assert_eq!(packet.len(), DATAGRAM);
        // First byte, version, both ids with their lengths, token length, length.
        let number = 1 + 4 + 9 + 1 + 1 + 2;
        let opposite = initial_keys(&guess).local;
        let (header, rest) = packet.split_at_mut(number + NUMBER);
        let (before, digits) = header.split_at_mut(number);
        let sample = &rest[..TAG];
        opposite
            .header
            .decrypt_in_place(sample, &mut before[0], digits)
            .unwrap();
        assert_eq!(digits, [0; 4]);
        let header = packet[..number + NUMBER].to_vec();
        let body = &mut packet[number + NUMBER..];
        let plain = opposite.packet.decrypt_in_place(0, &header, body).unwrap();
        let name = b"www.example.com";
        assert!(plain.windows(name.len()).any(|part| part == name));
    }
}
