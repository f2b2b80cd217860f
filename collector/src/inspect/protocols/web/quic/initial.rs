//! QUIC's Initial packets opened (RFC 9001, section 5, and RFC 9369, section 3.3): their keys follow
//! from the client's first destination connection id. The tag is not checked: a wrong key shows in
//! the frames, and a packet that is cut can be read as far as it goes.

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher},
};
use ctr::Ctr32BE;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::Initial;

/// What a version adds to the connection id.
pub(super) struct Salt {
    salt: [u8; 20],
    /// Labels of key, IV and header protection key.
    labels: [&'static [u8]; 3],
}

const LABELS: [&[u8]; 3] = [b"quic key", b"quic iv", b"quic hp"];
const LABELS_2: [&[u8]; 3] = [b"quicv2 key", b"quicv2 iv", b"quicv2 hp"];

const fn salt(salt: [u8; 20]) -> Salt {
    Salt {
        salt,
        labels: LABELS,
    }
}

/// RFC 9001, and drafts 33 and 34.
const V1: Salt =
    salt(*b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a");
/// RFC 9369.
const V2: Salt = Salt {
    salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
    labels: LABELS_2,
};
/// Drafts of RFC 9369.
const V2_DRAFTS: Salt = Salt {
    salt: *b"\xa7\x07\xc2\x03\xa5\x9b\x47\x18\x4a\x1d\x62\xca\x57\x04\x06\xea\x7a\xe3\xe5\xd3",
    labels: LABELS_2,
};
/// Drafts 29 to 32.
const DRAFT_29: Salt =
    salt(*b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99");
/// Drafts 23 to 28.
const DRAFT_23: Salt =
    salt(*b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02");
/// Draft 22, the first with this header.
const DRAFT_22: Salt =
    salt(*b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a");
/// Google's, in Chromium.
const Q050: Salt =
    salt(*b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45");
const T050: Salt =
    salt(*b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10");
const T051: Salt =
    salt(*b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d");

/// The salts that `version` may have: several where it does not tell.
pub(super) fn salts(version: u32) -> &'static [Salt] {
    match version {
        1 | 0xff00_0021 | 0xff00_0022 => &[V1],
        0xff00_001d..=0xff00_0020 => &[DRAFT_29],
        0xff00_0017..=0xff00_001c => &[DRAFT_23],
        0xff00_0016 => &[DRAFT_22],
        _ => match version.to_be_bytes() {
            [0x6b, 0x33, 0x43, 0xcf] => &[V2],
            [0x70, 0x9a, 0x50, 0xc4] | [0xff, 0x02, 0, 0] => &[V2_DRAFTS],
            [b'Q', b'0', b'5', _] => &[Q050],
            [b'T', b'0', b'5', b'0'] => &[T050],
            [b'T', b'0', b'5', _] => &[T051],
            // mvfst counts on while its handshake follows the drafts.
            [0xfa, 0xce, 0xb0, 0x01] => &[DRAFT_22],
            [0xfa, 0xce, 0xb0, _] => &[DRAFT_23, DRAFT_29, V1],
            // Reserved: the rest of the packet follows a version that its sender knows.
            _ => &[V1, DRAFT_29],
        },
    }
}

/// The keys of one connection's client.
struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    header: [u8; 16],
}

impl Keys {
    fn new(salt: &Salt, connection_id: &[u8]) -> Option<Self> {
        let initial = Hkdf::<Sha256>::new(Some(&salt.salt), connection_id);
        let mut secret = [0; 32];
        expand(&initial, b"client in", &mut secret)?;
        let client = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let mut keys = Self {
            key: [0; 16],
            iv: [0; 12],
            header: [0; 16],
        };
        let [key, iv, header] = salt.labels;
        expand(&client, key, &mut keys.key)?;
        expand(&client, iv, &mut keys.iv)?;
        expand(&client, header, &mut keys.header)?;
        Some(keys)
    }
}

/// HKDF-Expand-Label of RFC 8446, section 7.1, without a context.
fn expand(secret: &Hkdf<Sha256>, label: &[u8], out: &mut [u8]) -> Option<()> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let labelled = u8::try_from(PREFIX.len() + label.len()).ok()?;
    let info: [&[u8]; 5] = [&length, &[labelled], PREFIX, label, &[0]];
    secret.expand_multi_info(&info, out).ok()
}

/// The frames of `packet` under the keys that `connection_id` gives; `None` where the header that
/// comes out is no packet's.
pub(super) fn open(
    packet: &Initial<'_>,
    salt: &Salt,
    connection_id: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    const RESERVED: u8 = 0x0c;
    const TAG: usize = 16;
    let keys = Keys::new(salt, connection_id)?;
    let sample = packet.protected.get(4..)?.first_chunk::<16>()?;
    let mut mask = (*sample).into();
    Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
    let [first, masks @ ..] = mask.0;
    let first = packet.first ^ (first & 0x0f);
    if first & RESERVED != 0 {
        return None;
    }
    let number = usize::from(first & 3) + 1;
    let mut nonce = [0; 16];
    nonce.get_mut(..12)?.copy_from_slice(&keys.iv);
    let digits = packet.protected.iter().zip(masks).take(number);
    for (byte, (digit, mask)) in nonce.get_mut(12 - number..12)?.iter_mut().zip(digits) {
        *byte ^= digit ^ mask;
    }
    // Counter 1 is the tag's (NIST SP 800-38D, section 7.1).
    nonce[15] = 2;
    let tag = if packet.cut { 0 } else { TAG };
    let end = packet.protected.len().checked_sub(tag)?;
    let mut frames = Zeroizing::new(packet.protected.get(number..end)?.to_vec());
    Ctr32BE::<Aes128>::new(&keys.key.into(), &nonce.into()).apply_keystream(&mut frames);
    Some(frames)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A version 1 Initial of `connection_id` that holds `frames`, with packet number 0: the cipher
    /// is its own inverse. The tag is left empty.
    pub(in super::super) fn seal(connection_id: &[u8], frames: &[u8]) -> Vec<u8> {
        let keys = Keys::new(&V1, connection_id).unwrap();
        let mut nonce = [0; 16];
        nonce[..12].copy_from_slice(&keys.iv);
        nonce[15] = 2;
        let mut sealed = frames.to_vec();
        Ctr32BE::<Aes128>::new(&keys.key.into(), &nonce.into()).apply_keystream(&mut sealed);
        sealed.resize(frames.len() + 16, 0);
        let mut mask = (*sealed[3..].first_chunk::<16>().unwrap()).into();
        Aes128::new(&keys.header.into()).encrypt_block(&mut mask);
        let length = u16::try_from(sealed.len() + 1).unwrap() | 0x4000;
        let id = u8::try_from(connection_id.len()).unwrap();
        let mut packet = vec![0xc0 ^ (mask.0[0] & 0x0f), 0, 0, 0, 1, id];
        packet.extend_from_slice(connection_id);
        packet.extend_from_slice(&[0, 0]);
        packet.extend_from_slice(&length.to_be_bytes());
        packet.push(mask.0[1]);
        packet.extend_from_slice(&sealed);
        packet
    }

    #[test]
    fn the_keys_are_those_of_the_specification() {
        // RFC 9001, appendix A.1, and RFC 9369, appendix A.1.
        let id = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
        let keys = Keys::new(&V1, id).unwrap();
        assert_eq!(
            keys.key,
            *b"\x1f\x36\x96\x13\xdd\x76\xd5\x46\x77\x30\xef\xcb\xe3\xb1\xa2\x2d"
        );
        assert_eq!(
            keys.iv,
            *b"\xfa\x04\x4b\x2f\x42\xa3\xfd\x3b\x46\xfb\x25\x5c"
        );
        assert_eq!(
            keys.header,
            *b"\x9f\x50\x44\x9e\x04\xa0\xe8\x10\x28\x3a\x1e\x99\x33\xad\xed\xd2"
        );
        let keys = Keys::new(&V2, id).unwrap();
        assert_eq!(
            keys.key,
            *b"\x8b\x1a\x0b\xc1\x21\x28\x42\x90\xa2\x9e\x09\x71\xb5\xcd\x04\x5d"
        );
    }
}
