//! Tor's links between relays: TLS to a server whose name is made up anew for each of them,
//! `www.`, four to twenty-five random letters of base 32, and `.com` or `.net` (tor's published
//! sources; tor-spec, section "Certificates", for what the name stands for). Nobody asks the DNS
//! for such a name.

/// `name` looks made up that way: one that a person chose would rarely change between letters and
/// digits so often, or hold so many consonants in a row beside a digit.
pub(in crate::inspect) fn is_link_name(name: &str) -> bool {
    let Some(label) = name.strip_prefix("www.") else {
        return false;
    };
    let label = label.strip_suffix(".com").or(label.strip_suffix(".net"));
    let Some(label) = label.filter(|label| (4..=25).contains(&label.len())) else {
        return false;
    };
    let of_base_32 = |byte: u8| matches!(byte, b'a'..=b'z' | b'2'..=b'7');
    let changes = changes(label.as_bytes());
    label.bytes().all(of_base_32) && (changes >= 3 || changes >= 1 && consonants(label) >= 5)
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
}
