//! Every way in which an address or a name may be written, for a search that must find none.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aho_corasick::{AhoCorasick, MatchKind};
use anyhow::Result;
use data_encoding::{BASE64, BASE64URL, HEXLOWER};

/// What must be nowhere, in all its forms.
pub struct Forms {
    search: AhoCorasick,
    /// Of each form: what it is a form of.
    of: Vec<String>,
}

/// A form that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is a form of.
    pub what: String,
    /// Where it begins, bytes.
    pub at: usize,
    /// How long it is, bytes.
    pub length: usize,
}

impl Forms {
    /// Of these addresses and names; letters of any case are the same.
    ///
    /// # Errors
    /// More than one search takes.
    pub fn of(addresses: &[IpAddr], names: &[&str]) -> Result<Self> {
        let addresses = addresses
            .iter()
            .map(|address| (address.to_string(), of_address(*address)));
        let names = names.iter().map(|name| ((*name).to_owned(), of_name(name)));
        let (mut patterns, mut of) = (Vec::new(), Vec::new());
        for (what, forms) in addresses.chain(names) {
            of.extend(forms.iter().map(|_| what.clone()));
            patterns.extend(forms);
        }
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostFirst)
            .build(patterns)?;
        Ok(Self { search, of })
    }

    /// Each form that is in `bytes`.
    pub fn all_in<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Found> + 'a {
        self.search.find_iter(bytes).map(|found| Found {
            what: self.of[found.pattern().as_usize()].clone(),
            at: found.start(),
            length: found.len(),
        })
    }

    /// Checks that no form is in `bytes`, which are of `place`.
    ///
    /// # Panics
    /// One is.
    #[track_caller]
    pub fn assert_none_in(&self, place: &str, bytes: &[u8]) {
        if let Some(found) = self.all_in(bytes).next() {
            let around = found.at.saturating_sub(60)..(found.at + 60).min(bytes.len());
            let around = String::from_utf8_lossy(&bytes[around]);
            panic!("{} is in {place}: {around}", found.what);
        }
    }
}

/// A copy whose bytes are in the opposite order.
fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

fn of_address(address: IpAddr) -> Vec<Vec<u8>> {
    match address {
        IpAddr::V4(address) => of_v4(address),
        IpAddr::V6(address) => of_v6(address),
    }
}

fn of_v4(address: Ipv4Addr) -> Vec<Vec<u8>> {
    let bytes = address.octets();
    let back = Ipv4Addr::from_bits(address.to_bits().swap_bytes());
    let [a, b, c, _] = bytes;
    let mut forms = vec![bytes.to_vec(), back.octets().to_vec()];
    // As text, its network of 256, the name for looking it up backwards.
    forms.extend(
        [
            address.to_string(),
            format!("{a}.{b}.{c}."),
            back.to_string(),
        ]
        .map(Vec::from),
    );
    for address in [address, back] {
        let decimal = address.to_bits().to_string();
        forms.push(decimal.into_bytes());
        forms.extend(in_digits(&address.octets()));
        // Too short to be told from chance inside longer base64.
        forms.push(BASE64.encode(&address.octets()).into_bytes());
        forms.push(BASE64URL.encode(&address.octets()).into_bytes());
    }
    forms
}

fn of_v6(address: Ipv6Addr) -> Vec<Vec<u8>> {
    let bytes = address.octets();
    let (network, host) = bytes.split_at(8);
    // Words of eight bytes are how the agent holds it.
    let mut forms = [network, host].map(<[u8]>::to_vec).to_vec();
    forms.extend([network, host].map(reversed));
    let words = address.segments().map(|word| format!("{word:x}"));
    let full = address.segments().map(|word| format!("{word:04x}"));
    forms.extend([
        address.to_string().into_bytes(),
        words.join(":").into_bytes(),
        words[..4].join(":").into_bytes(),
        full.join(":").into_bytes(),
        full[..4].join(":").into_bytes(),
        address.to_bits().to_string().into_bytes(),
    ]);
    let nibbles = HEXLOWER.encode(&bytes);
    let nibbles = nibbles.chars().rev().map(|nibble| nibble.to_string());
    forms.push(nibbles.collect::<Vec<_>>().join(".").into_bytes());
    for bytes in [bytes.to_vec(), reversed(&bytes)] {
        forms.extend(in_digits(&bytes));
        forms.extend(in_base64(&bytes));
    }
    forms
}

/// Bytes as lists of numbers and as hexadecimal text.
fn in_digits(bytes: &[u8]) -> Vec<Vec<u8>> {
    let decimal = bytes.iter().map(u8::to_string).collect::<Vec<_>>();
    let hex = bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>();
    let mut forms = vec![decimal.join(","), decimal.join(", ")];
    forms.extend(["", ":", " ", "-", "\\x", ", 0x"].map(|between| hex.join(between)));
    forms.into_iter().map(String::into_bytes).collect()
}

/// What base64 makes of bytes that stand anywhere in longer ones: without the letters that depend
/// on their neighbours.
fn in_base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut longer = vec![0; before];
        longer.extend(bytes);
        let first = (before * 8).div_ceil(6);
        let last = longer.len() * 8 / 6;
        for encoding in [BASE64, BASE64URL] {
            forms.push(encoding.encode(&longer).into_bytes()[first..last].to_vec());
        }
    }
    forms
}

/// Forms of a name of at least ten bytes. A label alone is how DNS writes it between lengths.
fn of_name(name: &str) -> Vec<Vec<u8>> {
    assert!(name.len() >= 10, "{name} may be met by chance");
    let bytes = name.as_bytes();
    let wide = bytes.iter().flat_map(|byte| [*byte, 0]).collect();
    let mut forms = vec![bytes.to_vec(), reversed(bytes), wide];
    let labels = name.split('.').rev().collect::<Vec<_>>();
    forms.push(labels.join(".").into_bytes());
    forms.extend(in_digits(bytes));
    forms.extend(in_base64(bytes));
    // Digits and base64 tell letters apart, and names are often written small.
    let small = bytes.to_ascii_lowercase();
    forms.extend(in_digits(&small));
    forms.extend(in_base64(&small));
    forms.extend(in_base64(&reversed(bytes)));
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "CanaryOfForms.example";

    fn finds(text: impl AsRef<[u8]>) -> bool {
        let addresses = ["203.0.113.88", "2001:db8:77::8888"];
        let addresses = addresses.map(|address| address.parse().expect("an address"));
        let forms = Forms::of(&addresses, &[NAME, "CanaryOfForms"]).expect("few forms");
        forms.all_in(text.as_ref()).next().is_some()
    }

    #[test]
    fn an_ipv4_address_is_found_however_it_is_written() {
        for form in [
            "to 203.0.113.88:443",
            "88.113.0.203.in-addr.arpa",
            "203.0.113.0/24",
            "3405803864",
            "CB007158",
            "cb:00:71:58",
            "[203, 0, 113, 88]",
            "\"ywBxWA==\"",
        ] {
            assert!(finds(form), "{form}");
        }
        assert!(finds([1, 203, 0, 113, 88, 1]) && finds([88, 113, 0, 203]));
        assert!(!finds("203.0.112.88 cb007159 3405803865"));
    }

    #[test]
    fn an_ipv6_address_is_found_however_it_is_written() {
        for form in [
            "[2001:db8:77::8888]:443",
            "2001:DB8:77:0:0:0:0:8888",
            "2001:0db8:0077:0000:0000:0000:0000:8888",
            "2001:db8:77:0::/64",
            "20010db8007700000000000000008888",
            "8.8.8.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
            "42540766411426455029438125823443896456",
        ] {
            assert!(finds(form), "{form}");
        }
        assert!(
            finds([0, 0, 0, 0, 0, 0, 0x88, 0x88]) && finds([0, 0, 0x77, 0, 0xb8, 0x0d, 1, 0x20])
        );
        assert!(!finds("2001:db8:78::8888"));
    }

    #[test]
    fn a_name_is_found_in_any_case_backwards_as_dns_has_it_and_encoded() {
        for form in [
            "www.canaryofforms.EXAMPLE",
            "elpmaxe.smroFfOyranaC",
            "example.canaryofforms",
            "\x0dcanaryofforms\x07example\0",
            "43616e6172794f66466f726d73",
            "63616e6172796f66666f726d73",
            "C\0a\0n\0a\0r\0y\0O\0f\0F\0o\0r\0m\0s\0",
        ] {
            assert!(finds(form), "{form}");
        }
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}CanaryOfForms and more");
            assert!(finds(BASE64.encode(text.as_bytes())), "{before}");
        }
        assert!(!finds("CanaryOfFarms"));
    }
}
