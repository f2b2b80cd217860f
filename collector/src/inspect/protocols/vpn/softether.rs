//! `SoftEther` VPN by the answer to a client that asks which address it has behind a NAT, over UDP:
//! `IP=address,PORT=port`, and by the packs of named values that register it. There is no
//! specification; the rules rest on what the project's public sources write. The tunnel itself is
//! TLS.

use crate::inspect::{
    Label,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Softether"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

fn probe(speech: &Speech<'_>) -> Verdict {
    match speech.bytes {
        [b'I', ..] => seen_address(speech.bytes)?,
        _ => pack(speech.bytes)?,
    }
    Ok(Finding::default())
}

fn seen_address(bytes: &[u8]) -> Result<(), Fault> {
    let rest = bytes.strip_prefix(b"IP=").ok_or(Fault::Wrong("address"))?;
    let of_address = |byte: u8| byte.is_ascii_hexdigit() || b".:".contains(&byte);
    let end = rest.iter().position(|&byte| !of_address(byte));
    let (address, rest) = rest.split_at(end.unwrap_or(rest.len()));
    Reader::require((2..=39).contains(&address.len()), "address")?;
    let port = rest.strip_prefix(b",PORT=");
    let digit = port.and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit);
    Reader::require(digit, "port")
}

/// Few elements, each under a name behind its length; one is what to do.
fn pack(bytes: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::whole(bytes);
    Reader::require((1..=64).contains(&reader.u32("count")?), "count")?;
    let named = |name: &[u8]| reader.rest().windows(name.len()).any(|part| part == name);
    Reader::require(named(b"\0\0\0\x07opcode"), "operation")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        5004,
        &[Opener(b"B"), Responder(b"IP=192.0.2.1,PORT=40211")],
        "Softether",
    )];

    #[test]
    fn a_pack_has_few_elements_and_an_operation() {
        let judged = |bytes| probe(&Speech::datagram(5004, bytes)).is_ok();
        assert!(judged(
            b"\0\0\0\x01\0\0\0\x07opcode\0\0\0\x02\0\0\0\x01\0\0\0\x02ok"
        ));
        assert!(!judged(b"\x01\0\0\x01\0\0\0\x07opcode"));
        assert!(!judged(b"\0\0\0\x01\0\0\0\x07option"));
    }

    #[test]
    fn both_address_and_port_are_needed() {
        let judged = |bytes| probe(&Speech::datagram(5004, bytes)).is_ok();
        assert!(judged(b"IP=2001:db8::1,PORT=1\0"));
        assert!(!judged(b"IP=192.0.2.1"));
        assert!(!judged(b"IP=example,PORT=1"));
        assert!(!judged(b"IP=192.0.2.1,PORT=x"));
    }
}
