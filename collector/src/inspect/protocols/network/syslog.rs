//! Syslog: the message of RFC 5424 (section 6), the older one of RFC 3164 (section 4), and over TCP
//! both of RFC 6587's framings. Without either's time stamp a priority is enough on Syslog's ports
//! only, where devices write what they like behind it.

use crate::inspect::{
    Label,
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
    match reader.rest().first() {
        Some(b'1') => versioned(&mut reader)?,
        _ => dated(&mut reader)?,
    }
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

/// `1 2003-10-11T`
fn versioned(reader: &mut Reader<'_>) -> Result<(), Fault> {
    pattern(reader, b"1 dddd-dd-ddT")
}

/// `Oct 11 22:14:15 `, its day padded with a space.
fn dated(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = reader.take(3, "month")?;
    let known = MONTHS.chunks(3).any(|name| name == month);
    Reader::require(known, "month")?;
    pattern(reader, b" Dd dd:dd:dd ")
}

/// As `form`: `d` stands for a digit, `D` for a digit or a space.
fn pattern(reader: &mut Reader<'_>, form: &[u8]) -> Result<(), Fault> {
    for wanted in form {
        let byte = reader.u8("time stamp")?;
        let fits = match wanted {
            b'd' => byte.is_ascii_digit(),
            b'D' => byte.is_ascii_digit() || byte == b' ',
            _ => byte == *wanted,
        };
        Reader::require(fits, "time stamp")?;
    }
    Ok(())
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
    fn away_from_its_ports_a_message_has_a_time_stamp() {
        assert!(certain(40_000, b"<34>Oct 11 22:14:15 mymachine su"));
        assert!(certain(
            40_000,
            b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1"
        ));
        assert!(!certain(40_000, b"<189>72: Link up"));
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
