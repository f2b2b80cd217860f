//! The protocols of a mix: each file has a function that writes a conversation.

mod bittorrent;
mod dns;
mod http;
mod opaque;
mod quic;
mod smtp;
mod ssh;
mod tls;

pub use quic::quic_opening;

use super::{conversation::Conversation, dice::Dice};

/// A protocol of the mix.
pub(super) struct Protocol {
    /// In `--share`.
    pub(super) name: &'static str,
    /// Weight by default, of 100.
    pub(super) share: u32,
    /// Writes a conversation that carries so many bytes of bulk.
    pub(super) talk: fn(&mut Dice, u32) -> Conversation,
}

const fn row(name: &'static str, share: u32, talk: fn(&mut Dice, u32) -> Conversation) -> Protocol {
    Protocol { name, share, talk }
}

/// With shares that sum up to 100. QUIC is there for meters on other hosts: exits carry TCP.
pub(super) const PROTOCOLS: [Protocol; 10] = [
    row("tls", 46, tls::web),
    row("http", 8, http::talk),
    row("ssh", 2, ssh::talk),
    row("smtp", 1, smtp::talk),
    row("dns", 20, dns::talk),
    row("quic", 2, quic::talk),
    row("bittorrent", 3, bittorrent::talk),
    row("tor", 4, tls::onion_routing),
    row("unknown", 4, opaque::talk),
    row("failed", 10, opaque::fail),
];

/// The names, for messages.
#[must_use]
pub fn names() -> String {
    PROTOCOLS.map(|protocol| protocol.name).join(", ")
}

/// A host of a reserved domain (RFC 2606).
fn host_name(dice: &mut Dice) -> String {
    let first = dice.pick(&["www", "cdn", "api", "mail", "img", "static"]);
    let site = dice.below(5000);
    let domain = dice.pick(&[
        "example",
        "example.com",
        "example.net",
        "example.org",
        "test",
    ]);
    format!("{first}.site{site}.{domain}")
}

/// Bytes behind their length in `N` bytes, as TLS and SSH write them.
fn sized<const N: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_be_bytes();
    out.extend_from_slice(&length[8 - N..]);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_per_cent() {
        let sum: u32 = PROTOCOLS.iter().map(|protocol| protocol.share).sum();
        assert_eq!(sum, 100);
    }
}
