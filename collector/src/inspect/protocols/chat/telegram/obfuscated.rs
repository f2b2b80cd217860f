//! The obfuscation of MTProto transports ("Transport obfuscation" in Telegram's documentation). It
//! hides a connection from those who look for fixed bytes only: a client's first 64 bytes hold the
//! key, the first counter and, encrypted with them, the transport's mark. Where a proxy's secret
//! is mixed into the key there is nothing to read.

use aes::{
    Aes256,
    cipher::{BlockCipherEncrypt, KeyInit},
};

use crate::inspect::reader::{Fault, Reader};

/// Beginnings that a client avoids: of HTTP, of TLS and of the other transports.
const AVOIDED: &[&[u8]] = &[
    b"\xef",
    b"HEAD",
    b"POST",
    b"GET ",
    b"OPTI",
    b"\x16\x03\x01\x02",
    b"\xdd\xdd\xdd\xdd",
    b"\xee\xee\xee\xee",
];
/// Of the abridged, the intermediate and the padded transport.
const MARKS: [[u8; 4]; 3] = [[0xef; 4], [0xee; 4], [0xdd; 4]];

/// The first 64 bytes of `bytes` hold an encrypted mark.
pub(super) fn mark(bytes: &[u8]) -> Result<(), Fault> {
    let avoided = AVOIDED.iter().any(|beginning| bytes.starts_with(beginning));
    Reader::require(!avoided, "obfuscated beginning")?;
    let mut reader = Reader::open(bytes);
    reader.u32("beginning")?;
    Reader::require(reader.u32("beginning")? != 0, "obfuscated beginning")?;
    let key = reader.array::<32>("key")?;
    let counter = reader.array::<16>("counter")?;
    let sealed = reader.array::<4>("mark")?;
    reader.u32("rest of the first bytes")?;
    let stream = key_stream(&key, counter);
    let mut opened = sealed.iter().zip(stream).map(|(byte, key)| byte ^ key);
    let opened = std::array::from_fn(|_| opened.next().unwrap_or_default());
    Reader::require(MARKS.contains(&opened), "mark")
}

/// What the mark, 56 bytes behind the beginning, is encrypted with: bytes of the fourth block.
fn key_stream(key: &[u8; 32], counter: [u8; 16]) -> impl Iterator<Item = u8> {
    let counter = u128::from_be_bytes(counter).wrapping_add(3);
    let mut block = counter.to_be_bytes().into();
    Aes256::new(key.into()).encrypt_block(&mut block);
    block.into_iter().skip(8)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Made with the intermediate mark.
    pub(crate) const FIRST_BYTES: &[u8; 64] =
        b"\x6e\x34\x0b\x9c\xff\xb3\x7a\x98\x9c\xa5\x44\xe6\xbb\x78\x0a\x2c\x78\x90\x1d\x3f\
        \xb3\x37\x38\x76\x85\x11\xa3\x06\x17\xaf\xa0\x1d\x4b\xf5\x12\x2f\x34\x45\x54\xc5\
        \x3b\xde\x2e\xbb\x8c\xd2\xb7\xe3\xd1\x60\x0a\xd6\x31\xc3\x85\xa5\x06\x7e\x7b\x8d\
        \xcf\xb7\x1b\xd0";

    #[test]
    fn the_mark_opens_with_the_key_that_is_sent_along() {
        assert_eq!(mark(FIRST_BYTES), Ok(()));
    }

    #[test]
    fn a_changed_key_opens_nothing() {
        for at in [8, 39, 40, 55, 56, 59] {
            let mut bytes = *FIRST_BYTES;
            bytes[at] ^= 1;
            assert_eq!(mark(&bytes), Err(Fault::Wrong("mark")), "{at}");
        }
    }

    #[test]
    fn fewer_bytes_wait_and_avoided_beginnings_do_not() {
        assert!(mark(&FIRST_BYTES[..63]).is_err_and(|f| matches!(f, Fault::Short(_))));
        let zeros = [&FIRST_BYTES[..4], &[0; 4]].concat();
        for bytes in [&b"GET / HTTP"[..], b"\x16\x03\x01\x02\0", &zeros] {
            assert_eq!(mark(bytes), Err(Fault::Wrong("obfuscated beginning")));
        }
    }
}
