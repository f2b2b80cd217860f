//! NTP of versions 1 to 4 (RFC 1059, 1119, 1305, 5905), with control messages (RFC 9327) and the
//! private ones of `ntpdc`. It has few fixed bits, so it counts on its port only.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("NTP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const PORT: u16 = 123;
/// Behind a control message: to whole words, a key's number and a digest by SHA-1.
const LONGEST_TRAILER: usize = 3 + 4 + 20;
/// Of seconds, as all times here a power of two: 36 hours.
const LONGEST_POLL: u8 = 17;
/// Minus 32.
const FINEST_PRECISION: u8 = 0xe0;

fn probe(speech: &Speech<'_>) -> Verdict {
    Reader::require(speech.on_port(PORT), "port")?;
    let mut reader = speech.reader();
    let flags = reader.u8("flags")?;
    let (version, mode) = (flags >> 3 & 7, flags & 7);
    Reader::require((1..=4).contains(&version), "version")?;
    match mode {
        // The first version has no mode.
        0 => Reader::require(version == 1, "mode")?,
        6 => return control(&mut reader),
        7 => return private(&mut reader),
        _ => {}
    }
    time(&mut reader)
}

/// 48 bytes, and extensions and a digest of whole words behind them.
fn time(reader: &mut Reader<'_>) -> Verdict {
    Reader::require(reader.u8("stratum")? <= 16, "stratum")?;
    let (poll, precision) = (reader.u8("poll")?, reader.u8("precision")?);
    reader.take(44, "times")?;
    Reader::require(reader.rest().len().is_multiple_of(4), "extensions")?;
    // A precision is part of a second; clients may leave both out.
    let sound = poll <= LONGEST_POLL && (precision == 0 || precision >= FINEST_PRECISION);
    Ok(Finding::certain_if(sound))
}

fn control(reader: &mut Reader<'_>) -> Verdict {
    reader.take(9, "control header")?;
    let count = usize::from(reader.u16("count")?);
    reader.take(count, "control data")?;
    Reader::require(reader.rest().len() <= LONGEST_TRAILER, "padding and digest")?;
    Ok(Finding::default())
}

fn private(reader: &mut Reader<'_>) -> Verdict {
    reader.u8("sequence")?;
    let implementation = reader.u8("implementation")?;
    Reader::require(matches!(implementation, 0 | 2 | 3), "implementation")?;
    reader.u8("request code")?;
    let items = usize::from(reader.u16("items")? & 0xfff);
    let size = usize::from(reader.u16("item size")? & 0xfff);
    Reader::require(items * size <= reader.rest().len(), "items")?;
    Ok(Finding::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::tests::{
        Talk,
        Turn::{Opener, Responder},
    };

    pub(crate) const TALKS: &[Talk] = &[
        Talk::udp(
            123,
            &[
                Opener(
                    b"#\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
                    \0\0\0\0\0\0\0\xe1\xfc\xd6\x8e\xe3\x12n\xcc",
                ),
                Responder(
                    b"$\x01\0\xec\0\0\0\0\0\0\0\x0cGOOG\xe1\xfc\xd6\xd3V\xf0\xa8H\xe1\xfc\
                    \xd6\x8e\xe3\x12n\xcc\xe1\xfc\xd6\xd3V\xf0\xa8I\xe1\xfc\xd6\xd3V\xf0\
                    \xa8K",
                ),
            ],
            "NTP",
        ),
        Talk::udp(123, &[Opener(b"\x17\0\x03*\0\0\0\0")], "NTP"),
        Talk::udp(123, &[Opener(b"\x16\x02\0\x01\0\0\0\0\0\0\0\0")], "NTP"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn it_counts_on_its_port_and_with_a_sound_header() {
        let mut packet = [0; 48];
        packet[0] = 0x23;
        assert!(certain(123, &packet) && !certain(124, &packet));
        assert!(!certain(123, &packet[..47]));
        packet[2] = 18;
        assert!(!certain(123, &packet));
        packet[2] = 6;
        packet[1] = 17;
        assert!(!certain(123, &packet));
        assert!(!certain(123, &[0x2b; 48]));
    }

    #[test]
    fn little_follows_the_data_of_a_control_message() {
        let mut message = [0; 40];
        message[0] = 0x16;
        assert!(certain(123, &message[..39]) && !certain(123, &message));
    }

    #[test]
    fn private_items_must_be_there() {
        assert!(!certain(123, b"\x97\0\x03\x2a\0\x05\0\x48"));
    }
}
