//! How Tor's links look in TLS (tor-spec, "Negotiating and initializing channels", and
//! `crypto_random_hostname` of Tor): the names are random, of the letters of base32.

use std::ops::RangeInclusive;

use crate::inspect::registry::Facts;

/// A client asks for www.RANDOM.com, of 4 to 25 letters, and for no protocol (RFC 7301).
pub(super) fn in_client_hello(facts: &Facts) -> bool {
    const LETTERS: RangeInclusive<usize> = 4..=25;
    let name = facts.server_name.as_ref();
    let random = name.and_then(|name| random_part(name.reveal().as_bytes(), b".com", LETTERS));
    facts.alpn.is_none() && random.is_some_and(looks_random)
}

/// One that a person chose would rarely change between letters and digits so often, or hold so many
/// consonants in a row beside a digit.
fn looks_random(part: &[u8]) -> bool {
    turns(part) >= 3 || turns(part) >= 1 && consonants(part) >= 5
}

/// The longest run of consonants.
fn consonants(part: &[u8]) -> usize {
    let between = |letter: &u8| b"aeiouy".contains(letter) || letter.is_ascii_digit();
    part.split(between)
        .map(<[u8]>::len)
        .max()
        .unwrap_or_default()
}

/// A relay's first certificate, which is seen up to TLS 1.2, is for www.RANDOM.net, by
/// www.RANDOM.com.
pub(super) fn in_certificate(issuer: &[u8], subject: &[u8]) -> bool {
    const LETTERS: RangeInclusive<usize> = 8..=20;
    random_part(issuer, b".com", LETTERS).is_some()
        && random_part(subject, b".net", LETTERS).is_some()
}

/// What stands between www. and `end`, if it may be random.
fn random_part<'a>(name: &'a [u8], end: &[u8], letters: RangeInclusive<usize>) -> Option<&'a [u8]> {
    let part = name.strip_prefix(b"www.")?.strip_suffix(end)?;
    let base32 = |letter: &u8| matches!(letter, b'a'..=b'z' | b'2'..=b'7');
    (letters.contains(&part.len()) && part.iter().all(base32)).then_some(part)
}

/// How often a letter follows a digit, or a digit a letter.
fn turns(part: &[u8]) -> usize {
    let digits = part.iter().map(u8::is_ascii_digit);
    let next = digits.clone().skip(1);
    digits.zip(next).filter(|(one, two)| one != two).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Sensitive;

    fn asks(name: &str, alpn: Option<&'static str>) -> bool {
        in_client_hello(&Facts {
            server_name: Some(Sensitive::new(name)),
            alpn,
            ..Facts::default()
        })
    }

    #[test]
    fn a_random_name_without_a_protocol_is_tor_s() {
        assert!(asks("www.e6r5p57kbafwrxj3plz.com", None));
        assert!(asks("www.ct7ctrgb6cr7.com", None));
        assert!(asks("www.gfu7hbxpfp.com", None));
        assert!(!asks("www.ct7ctrgb6cr7.com", Some("h2")));
    }

    #[test]
    fn other_names_are_not_tor_s() {
        for name in [
            "www.office365.com",
            "www.wikipedia.com",
            "www.ct7ctrgb6cr7.org",
            "ct7ctrgb6cr7.com",
            "www.ct8ctrgb1cr7.com",
            "www.4shared.com",
            "www.w3schools.com",
            "www.h3c.com",
        ] {
            assert!(!asks(name, None), "{name}");
        }
    }
}
