//! GTP of mobile networks: user plane (3GPP TS 29.281, section 5.1), control plane of version 1 (TS
//! 29.060, section 6) and 2 (TS 29.274, section 5), and charging (TS 32.295, section 6.1.1). On its
//! ports, with the length that the header states.

use crate::inspect::{
    Label,
    reader::Reader,
    registry::{Dissector, Finding, Speech, Transport, Verdict},
};

pub(super) static DISSECTOR: Dissector = Dissector {
    label: Label::of("GTP"),
    transports: &[Transport::Udp],
    both_sides: false,
    probe,
    #[cfg(test)]
    talks: tests::TALKS,
};

const USER: u16 = 2152;
const CONTROL: u16 = 2123;
const CHARGING: u16 = 3386;

fn probe(speech: &Speech<'_>) -> Verdict {
    let mut reader = speech.reader();
    let flags = reader.u8("flags")?;
    let kind = reader.u8("message type")?;
    let length = usize::from(reader.u16("length")?);
    // What the length leaves out.
    let (app, header) = if speech.on_port(USER) {
        let known = matches!(kind, 1 | 2 | 26 | 31 | 253..=255);
        Reader::require(flags >> 4 == 3 && known, "user plane")?;
        ("GTP_U", 8)
    } else if speech.on_port(CONTROL) {
        Reader::require(matches!(flags >> 4, 3..=5) && kind != 0, "control plane")?;
        ("GTP_C", if flags >> 5 == 1 { 8 } else { 4 })
    } else {
        Reader::require(speech.on_port(CHARGING), "port")?;
        let known = matches!(kind, 1..=7 | 240 | 241);
        Reader::require(flags & 0x10 == 0 && flags >> 5 <= 2 && known, "charging")?;
        // Version 0 may keep the header of 20 bytes that it had at first.
        (
            "GTP_PRIME",
            if flags & 0x01 == 0 && flags >> 5 == 0 {
                20
            } else {
                6
            },
        )
    };
    // A second message may follow the first of version 2, which says so.
    let rest = speech.bytes.get(header + length..);
    let followed = flags >> 4 == 5 && rest.is_some_and(|rest| message(rest, 2));
    Reader::require(followed || rest == Some(&[]), "length")?;
    Ok(Finding::of(Label { master: "GTP", app }))
}

/// `bytes` are all of a message of `version`: flags with it, type, and the length of the rest.
pub(super) fn message(bytes: &[u8], version: u8) -> bool {
    let [flags, kind, high, low, rest @ ..] = bytes else {
        return false;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    flags >> 5 == version && *kind != 0 && length == rest.len()
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
            2152,
            &[Opener(
                b"0\xff\0\x14\0\0\0\x01E\0\0\x14\0\0\0\0@\x11\0\0\xc0\0\x02\x01\xc0\0\
                    \x02\x02",
            )],
            "GTP.GTP_U",
        ),
        Talk::udp(
            2123,
            &[
                Opener(b"@\x01\0\x09\0\0\x01\0\x03\0\x01\0\x0b"),
                Responder(b"@\x02\0\x09\0\0\x01\0\x03\0\x01\0\x0b"),
            ],
            "GTP.GTP_C",
        ),
        Talk::udp(
            2123,
            &[Opener(b"2\x01\0\x04\0\0\0\0\0\x01\0\0")],
            "GTP.GTP_C",
        ),
        Talk::udp(3386, &[Opener(b"N\x01\0\0\0\x01")], "GTP.GTP_PRIME"),
    ];

    fn certain(port: u16, bytes: &[u8]) -> bool {
        probe(&Speech::datagram(port, bytes)).is_ok_and(|finding| !finding.likely)
    }

    #[test]
    fn another_port_or_length_is_not_gtp() {
        let echo = b"\x40\x01\0\x09\0\0\x01\0\x03\0\x01\0\x0b";
        assert!(certain(2123, echo) && !certain(2152, echo) && !certain(40_000, echo));
        assert!(!certain(2123, &echo[..12]));
        let mut followed = [&echo[..], &echo[..]].concat();
        assert!(!certain(2123, &followed));
        followed[0] |= 0x10;
        assert!(certain(2123, &followed) && !certain(2123, &followed[..25]));
    }
}
