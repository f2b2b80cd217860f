//! collectd's binary protocol (collectd wiki, "Binary protocol"): parts of a type, a length and a
//! value, which may be signed or encrypted.

use crate::inspect::{
    Label,
    protocols::text::printable,
    reader::{Fault, Reader},
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("collectd"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 25_826;
const SIGNATURE: u16 = 0x200;
const ENCRYPTION: u16 = 0x210;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = Reader::whole(speech.bytes);
    let (kind, mut value) = part(&mut reader)?;
    match kind {
        SIGNATURE => {
            value.take(32, "signature")?;
            part(&mut reader)?;
        }
        ENCRYPTION => {
            // The user's name; then a vector and, encrypted, a sum and the parts.
            value.part16("user")?;
            value.take(16 + 20, "encrypted parts")?;
            reader.end("encrypted parts")?;
            return Ok(Finding::certain_if(speech.on_port(PORT)));
        }
        _ => holds(kind, value)?,
    }
    for _ in 0..2 {
        let (kind, value) = part(&mut reader)?;
        holds(kind, value)?;
    }
    Ok(Finding::default())
}

/// Its length counts its header.
fn part<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), Fault> {
    let kind = reader.u16("part type")?;
    let length = reader.u16("part length")?;
    Reader::require(length > 4, "part length")?;
    Ok((kind, reader.part(usize::from(length) - 4, "part")?))
}

/// The part's value is of its type: text, a number, or values.
fn holds(kind: u16, mut value: Reader<'_>) -> Result<(), Fault> {
    match kind {
        // Host, plugin, type and their instances; a notification's message.
        0 | 2..=5 | 0x100 => text(value),
        // Times and intervals; a notification's severity.
        1 | 7..=9 | 0x101 => value.u64("number").and_then(|_| value.end("number")),
        6 => {
            let count = usize::from(value.u16("count of values")?);
            value.take(count * 9, "values")?;
            value.end("values")
        }
        _ => Err(Fault::Wrong("part type")),
    }
}

/// It ends with NUL.
fn text(value: Reader<'_>) -> Result<(), Fault> {
    let ends = matches!(value.rest(), [said @ .., 0] if printable(said));
    Reader::require(ends, "text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{Talk, Turn::Opener};

    /// What one host measured.
    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            25_826,
            &[Opener(
                b"\0\0\0\x0bdevlap\0\0\x08\0\x0c\x18\xaa\x87\x48\x08\x81\x8d\xf4\0\x09\0\x0c\0\0\0\x02\x80\0\0\0\
                \0\x02\0\x08cpu\0",
            )],
            "collectd",
        ),
    ];

    fn judge(bytes: &[u8]) -> Verdict {
        probe(&Speech::datagram(25_826, bytes))
    }

    #[test]
    fn encrypted_parts_fill_the_datagram() {
        let mut datagram = b"\x02\x10\0\x2e\0\x04user".to_vec();
        datagram.resize(0x2e, 0xa5);
        assert!(judge(&datagram).is_ok());
        datagram.push(0xa5);
        assert!(judge(&datagram).is_err());
    }

    #[test]
    fn a_notification_begins_with_its_time() {
        let notification =
            b"\0\x08\0\x0c\x18\xaa\x87\x48\x08\x81\x8d\xf4\x01\x01\0\x0c\0\0\0\0\0\0\0\x04\
            \0\0\0\x0bdevlap\0";
        assert!(judge(notification).is_ok());
    }

    #[test]
    fn a_part_that_overruns_the_datagram_or_breaks_its_type_is_not_collectd() {
        assert!(judge(b"\0\0\xff\xffdevlap\0").is_err());
        let number = b"\0\0\0\x05\0\0\x08\0\x0b\x01\x02\x03\x04\x05\x06\x07";
        assert_eq!(judge(number).unwrap_err(), Fault::Wrong("number"));
    }
}
