//! MGCP (RFC 3435, section 3.2): a command's line, or on the registered ports a response's.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("MGCP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

/// Of gateways and of call agents.
const PORTS: [u16; 2] = [2427, 2727];
const LONGEST_LINE: usize = 512;
const VERBS: [&[u8]; 9] = [
    b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP",
];

fn probe(speech: &Speech<'_>) -> Verdict {
    let spoken = speech.bytes.first().is_some_and(u8::is_ascii_alphanumeric);
    Reader::require(spoken, "line")?;
    let line = Reader::whole(speech.bytes).line(LONGEST_LINE, "line");
    // Some implementations end lines with CR alone.
    let line = line.unwrap_or_else(|_| first_line(speech.bytes));
    let mut words = line.split(|&byte| byte == b' ');
    let (first, transaction) = (words.next(), words.next());
    Reader::require(transaction.is_some_and(is_transaction), "transaction")?;
    let verb = first.is_some_and(|word| VERBS.iter().any(|verb| word.eq_ignore_ascii_case(verb)));
    if verb {
        let (endpoint, protocol) = (words.next(), words.next());
        let formed =
            endpoint.is_some() && protocol.is_some_and(|p| p.eq_ignore_ascii_case(b"MGCP"));
        Reader::require(formed, "protocol version")?;
        return Ok(Finding::default());
    }
    let code = first.is_some_and(|word| word.len() == 3 && word.iter().all(u8::is_ascii_digit));
    Reader::require(code && speech.on_ports(&PORTS), "response code")?;
    Ok(Finding::default())
}

fn first_line(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let mut lines = bytes.split(|byte| matches!(byte, b'\r' | b'\n'));
    lines.next().unwrap_or_default()
}

fn is_transaction(word: &[u8]) -> bool {
    (1..=9).contains(&word.len()) && word.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[Talk::udp(
        2427,
        &[
            Opener(b"RSIP 262662134 *@gateway.example.org MGCP 1.0\r\nRM: restart\r\n"),
            Responder(b"200 262662134 OK\r\n"),
        ],
        "MGCP",
    )];

    #[test]
    fn a_command_is_mgcp_on_any_port_and_a_response_on_its_own() {
        let judge = |port, bytes| probe(&Speech::datagram(port, bytes)).is_ok();
        assert!(judge(40_001, b"rqnt 1 *@gw mgcp 0.1\rR: l/hd\r"));
        assert!(judge(2727, b"510 1 Protocol Error\r\n"));
        assert!(!judge(40_001, b"510 1 Protocol Error\r\n"));
        assert!(!judge(2427, b"RSIP 1 *@gw SIP 1.0\r\n"));
        assert!(!judge(2427, b"RSIP x *@gw MGCP 1.0\r\n"));
    }
}
