//! Tor's links between relays: TLS to a server whose name is made up anew for each of them,
//! `www.`, four to twenty-five random letters of base 32, and `.com` or `.net` (tor's published
//! sources; tor-spec, section "Certificates", for what the name stands for). Nobody asks the DNS
//! for such a name.

use std::ops::RangeInclusive;

/// `name` looks made up that way: one that a person chose would rarely change between letters and
/// digits so often, or hold so many consonants in a row beside a digit.
pub(in crate::inspect) fn is_link_name(name: &str) -> bool {
    let label = made_up(name, ".com", 4..=25).or_else(|| made_up(name, ".net", 4..=25));
    let Some(label) = label else {
        return false;
    };
    let changes = changes(label.as_bytes());
    changes >= 3 || changes >= 1 && consonants(label) >= 5
}

/// A link's certificate, which is seen up to TLS 1.2, is for such a name under `.net` and by one
/// under `.com`, and says nothing else.
pub(in crate::inspect) fn is_link_certificate(issuer: &str, subject: &str) -> bool {
    made_up(issuer, ".com", 8..=20).is_some() && made_up(subject, ".net", 8..=20).is_some()
}

/// What stands between `www.` and `end`, where it has as many letters of base 32.
fn made_up<'a>(name: &'a str, end: &str, letters: RangeInclusive<usize>) -> Option<&'a str> {
    let label = name.strip_prefix("www.")?.strip_suffix(end)?;
    let of_base_32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    (letters.contains(&label.len()) && label.bytes().all(of_base_32)).then_some(label)
}

/// How often a letter stands beside a digit.
fn changes(label: &[u8]) -> usize {
    let pairs = label.iter().zip(label.iter().skip(1));
    pairs
        .filter(|(a, b)| a.is_ascii_digit() != b.is_ascii_digit())
        .count()
}

/// The longest run of consonants.
fn consonants(label: &str) -> usize {
    let between = |letter: char| "aeiouy".contains(letter) || letter.is_ascii_digit();
    label.split(between).map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_random_letters_is_a_link_s() {
        for name in [
            "www.q4cyamnc6mtokjurvdclt.com",
            "www.gfu7hbxpfp.com",
            "www.e6r5p57kbafwrxj3plz.com",
            "www.t3i3ru.com",
            "www.6gyip7tqim7sieb.net",
        ] {
            assert!(is_link_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_that_a_person_chose_is_not() {
        for name in [
            "www.facebook.com",
            "www.channel4.com",
            "www.3com.com",
            "www.h3c.com",
            "www.4shared.com",
            "www.w3schools.com",
            "www.gfu7hbxpfp.org",
            "gfu7hbxpfp.com",
            "www.a.gfu7hbxpfp.com",
            "www.gfu8hbxpfp9.com",
            "www.a2.com",
        ] {
            assert!(!is_link_name(name), "{name}");
        }
    }

    #[test]
    fn a_link_s_certificate_has_two_such_names() {
        let issuer = "www.gmvuy6mtjbxevwo3w.com";
        assert!(is_link_certificate(issuer, "www.bpcau5b3haif5els.net"));
        assert!(!is_link_certificate(issuer, "www.bpcau5b3haif5els.com"));
        assert!(!is_link_certificate(issuer, "www.example.net"));
        assert!(!is_link_certificate(
            "Example CA",
            "www.bpcau5b3haif5els.net"
        ));
    }
}
