//! Syslog: the messages of RFC 5424 (section 6) and RFC 3164 (section 4), and over TCP both of RFC
//! 6587's framings. A priority comes first; what devices write behind it follows neither closely,
//! so away from Syslog's ports it has to be text.

use crate::inspect::{
    Label,
    protocols::text::printable,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("Syslog"),
    transports: &[Transport::Udp, Transport::Tcp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORTS: [u16; 4] = [514, 601, 1514, 5514];
/// A time stamp's length.
const ENOUGH: usize = 16;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    if speech.transport == Transport::Tcp && matches!(speech.bytes.first(), Some(b'1'..=b'9')) {
        decimal(&mut reader, b' ', 6)?;
    }
    reader.magic(b"<", "priority")?;
    Reader::require(decimal(&mut reader, b'>', 3)? <= 191, "priority")?;
    if speech.on_ports(&PORTS) {
        let first = reader.u8("message")?;
        Reader::require(first >= b' ' && first != 0x7f, "message")?;
        return Ok(Finding::default());
    }
    let message = reader.take(ENOUGH, "message")?;
    Reader::require(printable(message), "message")?;
    Ok(Finding::default())
}

/// A number of at most `digits` without leading zeros, and the byte behind it.
fn decimal(reader: &mut Reader<'_>, end: u8, digits: usize) -> Result<u32, Fault> {
    let mut value = 0;
    for place in 0..=digits {
        let byte = reader.u8("number")?;
        if byte == end && place > 0 {
            return Ok(value);
        }
        let padded = place > 0 && value == 0;
        Reader::require(byte.is_ascii_digit() && !padded, "number")?;
        value = value * 10 + u32::from(byte - b'0');
    }
    Err(Fault::Wrong("number"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            514,
            &[Opener(
                b"<34>Oct 11 22:14:15 mymachine su: failed for lonvick on /dev/pts/8",
            )],
            "Syslog",
        ),
        Talk::tcp(
            40000,
            &[Opener(
                b"70 <34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \
                    failed\n",
            )],
            "Syslog",
        ),
        Talk::udp(514, &[Opener(b"<189>72: Link up")], "Syslog"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn away_from_its_ports_a_message_is_text() {
        assert!(certain(40_000, b"<34>Oct 11 22:14:15 mymachine su"));
        assert!(certain(40_000, b"<165>1 2003-08-24T05:14:15.000003-07:00"));
        assert!(!certain(40_000, b"<189>72: Link up"));
        assert!(!certain(40_000, b"<189>72: Link \0\0\0\0\0\0\0\0\0\0"));
    }

    #[test]
    fn a_priority_is_at_most_191_and_not_padded() {
        for bytes in [
            &b"<192>text"[..],
            b"<00>text",
            b"<>text",
            b"<1234>",
            b"<html>",
            b"<34>\0",
        ] {
            assert!(!certain(514, bytes), "{bytes:?}");
        }
    }
}
